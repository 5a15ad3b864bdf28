#include "Handover.h"
#include "llvm/ADT/Statistic.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/PassTimingInfo.h"
#include "llvm/IR/PrintPasses.h"
#include "llvm/Pass.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace llvm;

namespace mlcomp {

namespace {

class ObjectWriter : public ModulePass {
public:
  static char ID;
  ObjectWriter(raw_ostream &Out, std::string Object) : ModulePass(ID), Out(Out), Object(std::move(Object)) {}
  StringRef getPassName() const override { return "mlcomp object writer"; }
  bool runOnModule(Module &) override {
    Out << Object;
    return false;
  }

private:
  raw_ostream &Out;
  std::string Object;
};

using Emitter = bool (*)(TargetMachine *, PassManagerBase &, raw_pwrite_stream &, raw_pwrite_stream *,
                         CodeGenFileType, bool, MachineModuleInfoWrapperPass *);

} // namespace

char ObjectWriter::ID = 0;

static std::string Prepared;
static const TargetMachine *Machine; ///< Whose output it is.
static Emitter *Place;
static Emitter GenerateCode;

/// Puts \p New where code generation is looked up, if that can be written to.
static void replace(Emitter New) {
  auto PageSize = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  auto *Page = reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(Place) & ~(PageSize - 1));
  if (mprotect(Page, PageSize, PROT_READ | PROT_WRITE) != 0)
    return;
  *Place = New;
  mprotect(Page, PageSize, PROT_READ);
}

/// Is asked once: a process may compile several files.
static bool emit(TargetMachine *TM, PassManagerBase &PM, raw_pwrite_stream &Out, raw_pwrite_stream *DwoOut,
                 CodeGenFileType Type, bool DisableVerify, MachineModuleInfoWrapperPass *MMI) {
  replace(GenerateCode);
  if (TM != Machine || Type != CodeGenFileType::ObjectFile || DwoOut)
    return GenerateCode(TM, PM, Out, DwoOut, Type, DisableVerify, MMI);
  PM.add(new ObjectWriter(Out, std::move(Prepared)));
  return false;
}

/// Whether code generation has other results than the object.
static bool isWatched(const TargetMachine &TM) {
  return !TM.Options.StackUsageOutput.empty() || !TM.Options.MCOptions.SplitDwarfFile.empty() ||
         TimePassesIsEnabled || AreStatisticsEnabled() || shouldPrintBeforeSomePass() ||
         shouldPrintAfterSomePass() || !TargetPassConfig::willCompleteCodeGenPipeline();
}

/// Clang's target machine cannot be exchanged for one of another class, but what
/// its class does can. Where a pointer to a virtual member keeps the place in the
/// table of virtual functions is up to the C++ ABI (Itanium's, section 2.3).
static Emitter *placeOf(const TargetMachine &TM) {
  auto Member = &TargetMachine::addPassesToEmitFile;
  struct {
    uintptr_t Pointer;
    ptrdiff_t Adjustment;
  } Parts;
  static_assert(sizeof Parts == sizeof Member);
  memcpy(&Parts, &Member, sizeof Parts);
#if defined(__x86_64__)
  bool IsVirtual = Parts.Pointer & 1;
  uintptr_t Offset = Parts.Pointer - 1;
#elif defined(__aarch64__)
  bool IsVirtual = Parts.Adjustment & 1;
  uintptr_t Offset = Parts.Pointer;
#else
  bool IsVirtual = false;
  uintptr_t Offset = 0;
#endif
  char *Table;
  memcpy(&Table, &TM, sizeof Table);
  return IsVirtual ? reinterpret_cast<Emitter *>(Table + Offset) : nullptr;
}

void handOver(TargetMachine &TM, std::string Object) {
  Place = Object.empty() || isWatched(TM) ? nullptr : placeOf(TM);
  if (!Place || *Place == emit)
    return;
  Prepared = std::move(Object);
  Machine = &TM;
  GenerateCode = *Place;
  replace(emit);
}

} // namespace mlcomp
