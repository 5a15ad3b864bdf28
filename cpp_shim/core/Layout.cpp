#include "Layout.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include <set>

using namespace llvm;
using namespace llvm::object;

namespace mlcomp {

namespace {

/// The code of a linked program for RISC-V.
class Code {
public:
  explicit Code(const ELFFile<ELF32LE> &File) : File(File) {}

  /// Bytes of the instruction there; 0 outside of the program.
  unsigned size(uint64_t Address) const { return bytes(Address, 2) ? (isWide(half(Address)) ? 4 : 2) : 0; }

  bool crosses(uint64_t Address) const { return Address % 4 && size(Address) == 4; }

  /// Whether the instruction there keeps the address behind it in a register.
  bool isCall(uint64_t Address) const {
    uint32_t First = half(Address);
    if (isWide(First)) {
      unsigned Opcode = First & 0x7f, Link = First >> 7 & 0x1f;
      return (Opcode == 0x6f || Opcode == 0x67) && Link; // jal, jalr
    }
    return (First & 0xe003) == 0x2001 ||                     // c.jal
           ((First & 0xf07f) == 0x9002 && (First & 0x0f80)); // c.jalr
  }

private:
  static bool isWide(uint32_t First) { return (First & 3) == 3; }
  const uint8_t *bytes(uint64_t Address, unsigned Count) const {
    Expected<const uint8_t *> Found =
        File.toMappedAddr(Address, [](const Twine &) { return Error::success(); });
    if (!Found) {
      consumeError(Found.takeError());
      return nullptr;
    }
    return *Found + Count <= File.end() ? *Found : nullptr;
  }
  uint32_t half(uint64_t Address) const {
    const uint8_t *Bytes = bytes(Address, 2);
    return Bytes ? support::endian::read16le(Bytes) : 0;
  }

  const ELFFile<ELF32LE> &File;
};

/// What a linked program says about its functions.
struct Linked {
  std::map<uint64_t, BBAddrMap> Maps;                 ///< By the function's address.
  std::set<std::pair<uint64_t, StringRef>> Functions; ///< Aliases too.
  std::map<StringRef, uint64_t> AddressOf;            ///< Of what other modules can see.
};

} // namespace

static Expected<Linked> read(const ELFObjectFile<ELF32LE> &Object) {
  Linked Result;
  auto Maps = Object.readBBAddrMap();
  if (!Maps)
    return Maps.takeError();
  for (BBAddrMap &Map : *Maps)
    Result.Maps.emplace(Map.getFunctionAddress(), std::move(Map));
  for (const ELFSymbolRef &Symbol : Object.symbols()) {
    auto Address = Symbol.getAddress();
    auto Name = Symbol.getName();
    if (!Address || !Name)
      return joinErrors(Address.takeError(), Name.takeError());
    if (Symbol.getELFType() == ELF::STT_FUNC)
      Result.Functions.emplace(*Address, *Name);
    if (Symbol.getBinding() != ELF::STB_LOCAL)
      Result.AddressOf[*Name] = *Address;
  }
  return Result;
}

static void place(FunctionProfile &F, const BBAddrMap &Map, const Code &C) {
  for (auto [Block, Entry] : zip_equal(F.Blocks, Map.getBBEntries())) {
    uint64_t Begin = Map.getFunctionAddress() + Entry.Offset, End = Begin + Entry.Size;
    Block.StartCrossings = C.crosses(Begin);
    for (uint64_t At = Begin, Size; At < End && (Size = C.size(At)); At += Size)
      Block.ReturnCrossings += C.isCall(At) && C.crosses(At + Size);
  }
}

Expected<RoutineCrossings> placeFunctions(MutableArrayRef<FunctionProfile> Functions, StringRef Contents) {
  constexpr double Chance = 0.5;
  for (FunctionProfile &F : Functions)
    for (BlockProfile &B : F.Blocks)
      for (const auto &[K, Count] : B.Counts)
        if (K == machine::WideStarts)
          B.StartCrossings = Chance * Count;
  if (Contents.empty())
    return [](StringRef) { return Chance; };
  auto Binary = ObjectFile::createELFObjectFile(MemoryBufferRef(Contents, "program"));
  if (!Binary)
    return Binary.takeError();
  auto *Object = dyn_cast<ELFObjectFile<ELF32LE>>(Binary->get());
  if (!Object || Object->getArch() != Triple::riscv32)
    return RoutineCrossings();
  auto Program = read(*Object);
  if (!Program)
    return Program.takeError();
  Code C(Object->getELFFile());
  // Modules may have functions of one name, of which some were dropped: the next
  // one that looks alike is meant, as the linker keeps their order.
  std::vector<bool> Placed(Functions.size());
  size_t Next = 0;
  for (const auto &[Address, Map] : Program->Maps)
    for (size_t Step = 0; Step != Functions.size(); ++Step) {
      size_t I = (Next + Step) % Functions.size();
      if (Placed[I] || !Program->Functions.count({Address, Functions[I].Name}) ||
          Functions[I].Blocks.size() != Map.getNumBBEntries())
        continue;
      place(Functions[I], Map, C);
      Placed[I] = true;
      Next = I + 1;
      break;
    }
  std::set<std::string> Routines;
  for (const auto &[Name, Address] : Program->AddressOf)
    if (C.crosses(Address))
      Routines.insert(Name.str());
  return [Routines = std::move(Routines)](StringRef Name) { return double(Routines.count(Name.str())); };
}

} // namespace mlcomp
