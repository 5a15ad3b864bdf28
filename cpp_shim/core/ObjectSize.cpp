#include "ObjectSize.h"
#include "Actions.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <algorithm>

using namespace llvm;
using namespace llvm::object;

namespace mlcomp {

static Error unmeasurable(const Twine &Message) {
  return createStringError(inconvertibleErrorCode(), Message);
}

namespace {

/// What a RISC-V linker may shorten in a section.
struct Relaxable {
  uint64_t Address;        ///< In the layout of consecutive sections.
  uint64_t Section;        ///< Where its section starts, likewise.
  uint64_t Padding = 0;    ///< Bytes of an alignment, of which the linker keeps what it needs; 0 for a call.
  uint64_t Target = ~0ull; ///< Of a call of two instructions (8 bytes); ~0 if it is in another object.
  unsigned Link = 0;       ///< Register that gets the return address: 0 for a tail call.
};

} // namespace

/// What the linker may shorten in executable sections, by address; these are
/// taken to be placed one after the other, as in the object.
static Expected<std::vector<Relaxable>> relaxables(const ELFObjectFileBase &Object) {
  DenseMap<uint64_t, uint64_t> SectionAddress; // by section index
  uint64_t Address = 0;
  for (SectionRef S : Object.sections()) {
    if (!S.isText() || !(ELFSectionRef(S).getFlags() & ELF::SHF_ALLOC))
      continue;
    Address = alignTo(Address, S.getAlignment());
    SectionAddress[S.getIndex()] = Address;
    Address += S.getSize();
  }
  std::vector<Relaxable> Found;
  for (SectionRef RelocationSection : Object.sections()) {
    auto Relocated = RelocationSection.getRelocatedSection();
    if (!Relocated)
      return Relocated.takeError();
    if (*Relocated == Object.section_end())
      continue;
    auto Base = SectionAddress.find((*Relocated)->getIndex());
    if (Base == SectionAddress.end())
      continue;
    Expected<StringRef> Contents = (*Relocated)->getContents();
    if (!Contents)
      return Contents.takeError();
    const RelocationRef *Call = nullptr;
    RelocationRef Last;
    for (RelocationRef R : RelocationSection.relocations()) {
      Relaxable Here{Base->second + R.getOffset(), Base->second};
      if (R.getType() == ELF::R_RISCV_ALIGN) {
        Expected<int64_t> Padding = ELFRelocationRef(R).getAddend();
        if (!Padding)
          return Padding.takeError();
        Here.Padding = *Padding;
        if (Here.Padding && isUInt<16>(Here.Padding)) // else it is no alignment
          Found.push_back(Here);
      } else if (R.getType() == ELF::R_RISCV_RELAX && Call && Call->getOffset() == R.getOffset() &&
                 R.getOffset() + 8 <= Contents->size()) {
        uint32_t Jump = support::endian::read32le(Contents->data() + R.getOffset() + 4);
        Here.Link = (Jump >> 7) & 31;
        symbol_iterator Symbol = Call->getSymbol();
        if (Symbol != Object.symbol_end()) {
          auto Section = Symbol->getSection();
          if (!Section)
            return Section.takeError();
          auto Value = Symbol->getValue();
          if (!Value)
            return Value.takeError();
          if (*Section != Object.section_end())
            if (auto It = SectionAddress.find((*Section)->getIndex()); It != SectionAddress.end())
              Here.Target = It->second + *Value;
        }
        Found.push_back(Here);
      }
      Last = R;
      bool IsCall = R.getType() == ELF::R_RISCV_CALL_PLT || R.getType() == ELF::R_RISCV_CALL;
      Call = IsCall ? &Last : nullptr;
    }
  }
  llvm::sort(Found, [](const Relaxable &A, const Relaxable &B) { return A.Address < B.Address; });
  return Found;
}

/// Bytes that the linker removes from executable sections. A call through ra
/// becomes c.jal, a tail call c.j (2 bytes) within 2 KiB, else jal (4 bytes);
/// of an alignment stays what the code before it, shortened, needs.
static Expected<uint64_t> relaxedBytes(const ELFObjectFileBase &Object) {
  Expected<std::vector<Relaxable>> Found = relaxables(Object);
  if (!Found)
    return Found.takeError();
  // Addresses when every call has shrunk to 4 bytes, which decides the reach.
  std::vector<uint64_t> Calls;
  for (const Relaxable &R : *Found)
    if (!R.Padding)
      Calls.push_back(R.Address);
  auto Shrunk = [&](uint64_t A) { return int64_t(A) - 4 * (llvm::lower_bound(Calls, A) - Calls.begin()); };
  bool Compressed = Object.getPlatformFlags() & ELF::EF_RISCV_RVC;
  bool Is64 = Object.getBytesInAddress() == 8;
  uint64_t Removed = 0, RemovedBefore = 0; // RemovedBefore: in earlier sections
  uint64_t Section = 0;
  for (const Relaxable &R : *Found) {
    if (R.Section != Section) {
      Section = R.Section;
      RemovedBefore = Removed;
    }
    if (R.Padding) {
      uint64_t Place = R.Address - Section - (Removed - RemovedBefore);
      Removed += Place + R.Padding - alignTo(Place, PowerOf2Ceil(R.Padding + 2));
    } else {
      bool Near = R.Target != ~0ull && isInt<12>(Shrunk(R.Target) - Shrunk(R.Address));
      bool Compressible = R.Link == 0 || (R.Link == 1 && !Is64);
      Removed += Compressed && Near && Compressible ? 6 : 4;
    }
  }
  return Removed;
}

Expected<ObjectSize> sizeOfObject(StringRef Bytes) {
  auto Parsed = ObjectFile::createObjectFile(MemoryBufferRef(Bytes, "object"));
  if (!Parsed)
    return Parsed.takeError();
  ObjectSize Size;
  auto *Elf = dyn_cast<ELFObjectFileBase>(Parsed->get());
  for (SectionRef S : (*Parsed)->sections()) {
    bool Allocated =
        Elf ? ELFSectionRef(S).getFlags() & ELF::SHF_ALLOC : S.isText() || S.isData() || S.isBSS();
    bool Writable = Elf ? ELFSectionRef(S).getFlags() & ELF::SHF_WRITE : S.isData();
    if (!Allocated)
      continue;
    // The linker folds these into a few entries for the whole program.
    if (Elf && Elf->getEMachine() == ELF::EM_ARM && ELFSectionRef(S).getType() == ELF::SHT_ARM_EXIDX)
      continue;
    if (Expected<StringRef> Name = S.getName(); !Name)
      return Name.takeError();
    else if (*Name == ".eh_frame") {
      Size.Unwind += S.getSize();
      continue;
    }
    (S.isBSS() ? Size.Bss : S.isText() ? Size.Text : Writable ? Size.Data : Size.ReadOnly) += S.getSize();
  }
  if (Elf && Elf->getEMachine() == ELF::EM_RISCV) {
    Expected<uint64_t> Removed = relaxedBytes(*Elf);
    if (!Removed)
      return Removed.takeError();
    Size.Text -= *Removed;
  }
  return Size;
}

Expected<std::string> generateObject(Module &M, TargetMachine &TM, std::vector<FunctionProfile> *Profile,
                                     bool MapBlocks) {
  prepareForCodeGeneration(M);
  // No side files: the real compilation writes them.
  TargetOptions Kept = TM.Options;
  auto Restore = make_scope_exit([&] { TM.Options = Kept; });
  TM.Options.StackUsageOutput.clear();
  TM.Options.MCOptions.SplitDwarfFile.clear();
  TM.Options.BBAddrMap = MapBlocks;
  SourceFacts Facts;
  if (Profile)
    Facts = factsOf(M);
  SmallVector<char, 0> Buffer;
  raw_svector_ostream OS(Buffer);
  legacy::PassManager PM;
  PM.add(createTargetTransformInfoWrapperPass(TM.getTargetIRAnalysis()));
  PM.add(new TargetLibraryInfoWrapperPass(TargetLibraryInfoImpl(Triple(M.getTargetTriple()))));
  // What addPassesToEmitFile does, with a place for our pass.
  auto &Generator = static_cast<LLVMTargetMachine &>(TM);
  auto *Machine = new MachineModuleInfoWrapperPass(&Generator);
  TargetPassConfig *Config = Generator.createPassConfig(PM);
  Config->setDisableVerify(true);
  PM.add(Config);
  PM.add(Machine);
  if (Config->addISelPasses())
    return unmeasurable("the target has no instruction selector");
  Config->addMachinePasses();
  Config->setInitialized();
  if (Profile)
    PM.add(createMachineProfilePass(Facts, *Profile));
  if (Generator.addAsmPrinter(PM, OS, nullptr, CodeGenFileType::ObjectFile, Machine->getMMI().getContext()))
    return unmeasurable("the target cannot write object files");
  PM.add(createFreeMachineFunctionPass());
  PM.run(M);
  return std::string(Buffer.data(), Buffer.size());
}

Expected<ObjectSize> measureModule(Module &M, TargetMachine &TM) {
  Expected<std::string> Object = generateObject(M, TM, nullptr);
  if (!Object)
    return Object.takeError();
  return sizeOfObject(*Object);
}

} // namespace mlcomp
