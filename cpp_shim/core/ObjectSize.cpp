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

/// A call of two instructions (8 bytes) that a RISC-V linker may shorten.
struct RelaxableCall {
  uint64_t Address; ///< In the layout of consecutive sections.
  uint64_t Target;  ///< Likewise; ~0 when the callee is in another object.
  unsigned Link;    ///< Register that gets the return address: 0 for a tail call.
};

} // namespace

/// Bytes that the linker removes from executable sections. A call through ra
/// becomes c.jal, a tail call c.j (2 bytes) within 2 KiB, else jal (4 bytes);
/// sections are taken to be placed one after the other, as in the object.
static Expected<uint64_t> relaxedBytes(const ELFObjectFileBase &Object) {
  DenseMap<uint64_t, uint64_t> SectionAddress; // by section index
  uint64_t Address = 0;
  for (SectionRef S : Object.sections()) {
    if (!S.isText() || !(ELFSectionRef(S).getFlags() & ELF::SHF_ALLOC))
      continue;
    Address = alignTo(Address, S.getAlignment());
    SectionAddress[S.getIndex()] = Address;
    Address += S.getSize();
  }
  std::vector<RelaxableCall> Calls;
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
      if (R.getType() == ELF::R_RISCV_RELAX && Call && Call->getOffset() == R.getOffset() &&
          R.getOffset() + 8 <= Contents->size()) {
        uint32_t Jump = support::endian::read32le(Contents->data() + R.getOffset() + 4);
        RelaxableCall C{Base->second + R.getOffset(), ~0ull, (Jump >> 7) & 31};
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
              C.Target = It->second + *Value;
        }
        Calls.push_back(C);
      }
      Last = R;
      bool IsCall = R.getType() == ELF::R_RISCV_CALL_PLT || R.getType() == ELF::R_RISCV_CALL;
      Call = IsCall ? &Last : nullptr;
    }
  }
  llvm::sort(Calls, [](const RelaxableCall &A, const RelaxableCall &B) { return A.Address < B.Address; });
  // Addresses when every call has shrunk to 4 bytes, which decides the reach.
  auto Shrunk = [&](uint64_t A) {
    auto Before = std::partition_point(Calls.begin(), Calls.end(),
                                       [A](const RelaxableCall &C) { return C.Address < A; });
    return int64_t(A) - 4 * (Before - Calls.begin());
  };
  bool Compressed = Object.getPlatformFlags() & ELF::EF_RISCV_RVC;
  bool Is64 = Object.getBytesInAddress() == 8;
  uint64_t Removed = 0;
  for (const RelaxableCall &C : Calls) {
    bool Near = C.Target != ~0ull && isInt<12>(Shrunk(C.Target) - Shrunk(C.Address));
    bool Compressible = C.Link == 0 || (C.Link == 1 && !Is64);
    Removed += Compressed && Near && Compressible ? 6 : 4;
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

Expected<std::string> generateObject(Module &M, TargetMachine &TM, std::vector<FunctionProfile> *Profile) {
  prepareForCodeGeneration(M);
  // No side files: the real compilation writes them.
  TargetOptions Kept = TM.Options;
  auto Restore = make_scope_exit([&] { TM.Options = Kept; });
  TM.Options.StackUsageOutput.clear();
  TM.Options.MCOptions.SplitDwarfFile.clear();
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
