#include "Encodings.h"
#include "Branches.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/CodeGen/MachineFunctionPass.h"
#include "llvm/CodeGen/MachineRegisterInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetFrameLowering.h"
#include "llvm/CodeGen/TargetInstrInfo.h"
#include "llvm/CodeGen/TargetSubtargetInfo.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/Module.h"
#include "llvm/InitializePasses.h"
#include "llvm/PassRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Target/TargetMachine.h"
#include <array>
#include <numeric>

using namespace llvm;

namespace mlcomp {

static cl::opt<bool> RenameRegisters("mlcomp-rename-registers", cl::init(false), cl::Hidden,
                                     cl::desc("x86-64: saved registers with short encodings first"));
static cl::opt<unsigned>
    FramePointers("mlcomp-frame-pointer", cl::init(0), cl::Hidden,
                  cl::desc("x86-64: a frame pointer in functions of so many instructions or more, and "
                           "wherever one turns out to shorten the code"));
static cl::opt<bool>
    ShortBranches("mlcomp-short-branches", cl::init(false), cl::Hidden,
                  cl::desc("x86-64: blocks ordered, and jumps chained, so that jumps are short"));
static cl::opt<bool> SingleDomain("mlcomp-single-domain", cl::init(false), cl::Hidden,
                                  cl::desc("x86-64: vector moves and logic without prefix"));

namespace {

/// The registers that a function saves before it uses them, in LLVM's order of
/// allocation, and which bits of a set stand for what.
constexpr unsigned Count = 6, Rbp = 5;
constexpr StringLiteral SavedNames[Count] = {"RBX", "R14", "R15", "R12", "R13", "RBP"};
constexpr unsigned NeedPrefix = 0b011110; ///< r12 to r15.
constexpr unsigned NeedOffset = 0b110000; ///< rbp and r13 as a base address.
constexpr unsigned NeedIndex = 0b001000;  ///< r12 as a base address.

using Permutation = std::array<unsigned, Count>;

/// Which of the registers are in a set after renaming.
unsigned renamed(unsigned Set, const Permutation &To) {
  unsigned Result = 0;
  for (unsigned I = 0; I != Count; ++I)
    if (Set & (1u << I))
      Result |= 1u << To[I];
  return Result;
}

/// Renames the saved registers of each function so that its code is shortest.
/// Stands between register allocation and the making of prologues.
class RegisterRenamer : public MachineFunctionPass {
public:
  static char ID;
  RegisterRenamer() : MachineFunctionPass(ID) {}
  StringRef getPassName() const override { return "mlcomp register renamer"; }
  void getAnalysisUsage(AnalysisUsage &AU) const override {
    AU.setPreservesCFG();
    MachineFunctionPass::getAnalysisUsage(AU);
  }
  bool runOnMachineFunction(MachineFunction &MF) override;

private:
  bool prepare(MachineFunction &MF);
  void inspect(const MachineInstr &MI);
  void fix(unsigned Register);
  std::optional<unsigned> indexOf(Register R) const;
  bool mayUseFramePointer() const;
  unsigned cost(const Permutation &To) const;
  bool isAllowed(const Permutation &To) const;
  void rename(const Permutation &To);

  MachineFunction *MF = nullptr;
  const TargetInstrInfo *TII = nullptr;
  const TargetRegisterInfo *TRI = nullptr;
  std::array<MCRegister, Count> Saved;
  DenseMap<unsigned, unsigned> Index;  ///< Of each part of a saved register.
  std::array<unsigned, Count> Allowed; ///< What each may be renamed to, as a set.
  unsigned Used = 0;
  /// Instructions that are shorter if none of the first set needs a prefix and
  /// rbp is not in the second, of which the low byte is used.
  MapVector<std::pair<unsigned, unsigned>, unsigned> Prefixed;
  std::array<unsigned, Count> BareBase, BaseWithoutIndex;
  unsigned StackAccesses = 0, Returns = 0;
  bool HasFrameState = false;
};

/// Has what code computes with floating-point registers in the domain whose
/// instructions are shortest, and jumps short. Stands behind all that changes
/// code.
class Finisher : public MachineFunctionPass {
public:
  static char ID;
  Finisher() : MachineFunctionPass(ID) {}
  StringRef getPassName() const override { return "mlcomp finisher"; }
  void getAnalysisUsage(AnalysisUsage &AU) const override {
    AU.setPreservesAll();
    MachineFunctionPass::getAnalysisUsage(AU);
  }
  bool runOnMachineFunction(MachineFunction &MF) override;
};

} // namespace

char RegisterRenamer::ID = 0;
char Finisher::ID = 0;

/// Whether we change the code of \p F.
static bool isOurs(const Function &F) {
  return F.hasMinSize() && Triple(F.getParent()->getTargetTriple()).getArch() == Triple::x86_64;
}

static void addFramePointer(Function &F) { F.addFnAttr("frame-pointer", "all"); }

/// Whether \p F may need rbp for something else: inline assembly, or arguments.
static bool mayNeedRbp(const Function &F) {
  bool HasUsualConvention = F.getCallingConv() == CallingConv::C || F.getCallingConv() == CallingConv::Fast;
  return !HasUsualConvention || any_of(instructions(F), [](const Instruction &I) {
    const auto *Call = dyn_cast<CallBase>(&I);
    return Call && Call->isInlineAsm();
  });
}

void addFramePointers(Module &M) {
  for (Function &F : M)
    if (FramePointers && isOurs(F) && F.getInstructionCount() >= FramePointers && !mayNeedRbp(F))
      addFramePointer(F);
}

/// Whether \p MI has the prefix anyway, as its operands have 64 bits.
static bool isWide(const MachineInstr &MI, StringRef Name) {
  constexpr StringLiteral Exceptions[] = {"PUSH64",   "POP64",     "CALL64",    "JMP64",         "TAILJMP",
                                          "TCRETURN", "LEA64_32r", "MOV32ri64", "MOV64ImmSExti8"};
  return Name.contains("64") &&
         none_of(Exceptions, [&](StringRef Exception) { return Name.starts_with(Exception); });
}

/// The set's index of a register or a part of it.
std::optional<unsigned> RegisterRenamer::indexOf(Register R) const {
  auto It = Index.find(R);
  return It == Index.end() ? std::nullopt : std::optional(It->second);
}

/// Nothing may be renamed from or to \p Register.
void RegisterRenamer::fix(unsigned Register) {
  Allowed[Register] = 1u << Register;
  Used |= 1u << Register;
}

/// Whether \p MF has C's saved registers.
bool RegisterRenamer::prepare(MachineFunction &Current) {
  MF = &Current;
  TII = MF->getSubtarget().getInstrInfo();
  TRI = MF->getSubtarget().getRegisterInfo();
  const MachineRegisterInfo &MRI = MF->getRegInfo();
  Saved = {};
  Index.clear();
  Prefixed.clear();
  BareBase = BaseWithoutIndex = {};
  Used = StackAccesses = Returns = 0;
  HasFrameState = false;
  unsigned Available = 0;
  for (const MCPhysReg *R = MRI.getCalleeSavedRegs(); R && *R; ++R)
    for (unsigned I = 0; I != Count; ++I)
      if (TRI->getName(*R) == SavedNames[I]) {
        Saved[I] = *R;
        Available |= !MRI.isReserved(*R) << I;
        for (MCPhysReg Part : TRI->subregs_inclusive(*R))
          Index[Part] = I;
      }
  // Another convention than C's.
  if (!all_of(Saved, [](MCRegister R) { return R.isValid(); }))
    return false;
  for (unsigned I = 0; I != Count; ++I)
    Allowed[I] = Available & (1u << I) ? Available : 1u << I;
  for (auto [R, Mask] : MF->front().liveins())
    if (auto I = indexOf(R))
      fix(*I);
  for (const MachineBasicBlock &MBB : *MF) {
    Returns += MBB.isReturnBlock();
    for (const MachineInstr &MI : MBB)
      inspect(MI);
  }
  return true;
}

/// Takes note of what an instruction allows and costs.
void RegisterRenamer::inspect(const MachineInstr &MI) {
  HasFrameState |= MI.isCFIInstruction();
  if (MI.isDebugInstr() || MI.isCFIInstruction())
    return;
  const MCInstrDesc &Desc = MI.getDesc();
  for (ArrayRef<MCPhysReg> List : {Desc.implicit_uses(), Desc.implicit_defs()})
    for (MCPhysReg R : List)
      if (auto I = indexOf(R))
        fix(*I);
  StringRef Name = TII->getName(MI.getOpcode());
  bool Wide = isWide(MI, Name), AccessesStack = false, HasHighByte = false;
  unsigned Set = 0, LowBytes = 0;
  for (unsigned O = 0; O != MI.getNumOperands(); ++O) {
    const MachineOperand &Operand = MI.getOperand(O);
    if (Operand.isFI())
      AccessesStack = true;
    if (Operand.isRegMask())
      for (unsigned I = 0; I != Count; ++I)
        if (Operand.clobbersPhysReg(Saved[I]))
          for (unsigned &Targets : Allowed)
            Targets &= ~(1u << I);
    if (!Operand.isReg() || !Operand.getReg())
      continue;
    MCRegister R = Operand.getReg().asMCReg();
    std::optional<unsigned> I = indexOf(R);
    bool IsEncoded = O < MI.getNumExplicitOperands();
    if (IsEncoded && MI.isCopy())
      Wide |= TRI->getRegSizeInBits(R, MF->getRegInfo()) == 64;
    if (IsEncoded) {
      // Other registers that need the prefix, and high bytes that cannot have it.
      StringRef RegisterName = TRI->getName(R);
      Wide |= !I && (TRI->getEncodingValue(R) >= 8 || RegisterName == "SIL" || RegisterName == "DIL");
      HasHighByte |= RegisterName.size() == 2 && RegisterName[1] == 'H';
    }
    if (!I)
      continue;
    Used |= 1u << *I;
    unsigned SubRegister = TRI->getSubRegIndex(Saved[*I], R);
    const TargetRegisterClass *Class =
        O < Desc.getNumOperands() ? TII->getRegClass(Desc, O, TRI, *MF) : nullptr;
    for (unsigned To = 0; To != Count; ++To) {
      MCRegister New = SubRegister ? TRI->getSubReg(Saved[To], SubRegister) : Saved[To];
      if (To != *I && (!New || (Class && !Class->contains(New))))
        Allowed[*I] &= ~(1u << To);
    }
    // What a call or a return hands over in it is agreed with others.
    if (MI.isInlineAsm() || (!IsEncoded && (MI.isCall() || MI.isReturn())))
      fix(*I);
    if (!IsEncoded)
      continue;
    Set |= 1u << *I;
    if (SubRegister && TRI->getSubRegIdxSize(SubRegister) == 8)
      LowBytes |= 1u << *I;
    // Base, scale, index, displacement, segment: five operands.
    bool IsMemory = O < Desc.getNumOperands() && Desc.operands()[O].OperandType == MCOI::OPERAND_MEMORY;
    if (IsMemory && O + 3 < MI.getNumOperands() && MI.getOperand(O + 1).isImm() &&
        MI.getOperand(O + 2).isReg()) {
      const MachineOperand &Displacement = MI.getOperand(O + 3);
      BareBase[*I] += Displacement.isImm() && Displacement.getImm() == 0;
      BaseWithoutIndex[*I] += !MI.getOperand(O + 2).getReg();
    }
  }
  if (HasHighByte)
    for (unsigned I = 0; I != Count; ++I)
      if (Set & (1u << I))
        fix(I);
  if (Set && !Wide && !MI.isMetaInstruction())
    ++Prefixed[{Set, LowBytes}];
  StackAccesses += AccessesStack;
}

bool RegisterRenamer::mayUseFramePointer() const {
  return FramePointers && !MF->getSubtarget().getFrameLowering()->hasFP(*MF) && !HasFrameState &&
         Allowed[Rbp] != 1u << Rbp && Allowed[Rbp] & (1u << Rbp) && !MF->hasEHFunclets();
}

bool RegisterRenamer::isAllowed(const Permutation &To) const {
  for (unsigned I = 0; I != Count; ++I)
    if (Used & (1u << I) && !(Allowed[I] & (1u << To[I])))
      return false;
  return true;
}

/// Bytes that depend on the names.
unsigned RegisterRenamer::cost(const Permutation &To) const {
  unsigned Bytes = 0, Targets = renamed(Used, To);
  for (unsigned I = 0; I != Count; ++I) {
    if (Targets & NeedPrefix & (1u << I)) // pushed and popped
      Bytes += 1 + Returns;
    if (NeedOffset & (1u << To[I]))
      Bytes += BareBase[I];
    if (NeedIndex & (1u << To[I]))
      Bytes += BaseWithoutIndex[I];
  }
  for (const auto &[Registers, Number] : Prefixed)
    if (renamed(Registers.first, To) & NeedPrefix || renamed(Registers.second, To) & (1u << Rbp))
      Bytes += Number;
  return Bytes;
}

void RegisterRenamer::rename(const Permutation &To) {
  DenseMap<unsigned, MCRegister> NewName;
  for (auto [Part, I] : Index) {
    unsigned SubRegister = TRI->getSubRegIndex(Saved[I], Part);
    NewName[Part] = SubRegister ? TRI->getSubReg(Saved[To[I]], SubRegister) : Saved[To[I]];
  }
  for (MachineBasicBlock &MBB : *MF) {
    std::vector<MachineBasicBlock::RegisterMaskPair> LiveIns(MBB.livein_begin(), MBB.livein_end());
    MBB.clearLiveIns();
    for (MachineBasicBlock::RegisterMaskPair P : LiveIns) {
      if (MCRegister New = NewName.lookup(P.PhysReg))
        P.PhysReg = New;
      MBB.addLiveIn(P);
    }
    MBB.sortUniqueLiveIns();
    for (MachineInstr &MI : MBB)
      for (MachineOperand &Operand : MI.operands())
        if (Operand.isReg())
          if (MCRegister New = NewName.lookup(Operand.getReg()))
            Operand.setReg(New);
  }
}

bool RegisterRenamer::runOnMachineFunction(MachineFunction &Current) {
  if (!isOurs(Current.getFunction()) || Current.exposesReturnsTwice() || !prepare(Current))
    return false;
  // A frame pointer is pushed, set and popped, and saves a byte in each access.
  unsigned PointerBytes = 4 + Returns;
  bool MayPoint = mayUseFramePointer() && StackAccesses > PointerBytes;
  Permutation Same, To;
  std::iota(Same.begin(), Same.end(), 0);
  Permutation Best = To = Same;
  unsigned Least = cost(Same) + StackAccesses;
  bool Points = false;
  do {
    if (!isAllowed(To) || (!RenameRegisters && To != Same))
      continue;
    bool PointsHere = MayPoint && !(renamed(Used, To) & (1u << Rbp));
    unsigned Bytes = cost(To) + (PointsHere ? PointerBytes : StackAccesses);
    if (Bytes < Least) {
      Least = Bytes;
      Best = To;
      Points = PointsHere;
    }
  } while (std::next_permutation(To.begin(), To.end()));
  if (Best != Same)
    rename(Best);
  if (Points) {
    addFramePointer(Current.getFunction());
    Current.getRegInfo().freezeReservedRegs();
  }
  return Best != Same || Points;
}

static bool chooseDomains(MachineFunction &MF) {
  constexpr unsigned Single = 1;
  if (MF.getSubtarget().checkFeatures("+avx"))
    return false;
  const TargetInstrInfo &TII = *MF.getSubtarget().getInstrInfo();
  bool Changed = false;
  for (MachineBasicBlock &MBB : MF)
    for (MachineInstr &MI : MBB) {
      auto [Domain, Possible] = TII.getExecutionDomain(MI);
      if (Domain > Single && Possible & (1u << Single)) {
        TII.setExecutionDomain(MI, Single);
        Changed = true;
      }
    }
  return Changed;
}

bool Finisher::runOnMachineFunction(MachineFunction &MF) {
  if (!isOurs(MF.getFunction()))
    return false;
  bool Changed = SingleDomain && chooseDomains(MF);
  return (ShortBranches && shortenBranches(MF)) || Changed;
}

bool encodingPlacesAreTaken(const Module &M) {
  return any_of(M, [](const Function &F) {
    switch (F.getIntrinsicID()) {
    case Intrinsic::experimental_stackmap:
    case Intrinsic::experimental_patchpoint_void:
    case Intrinsic::experimental_patchpoint:
    case Intrinsic::experimental_gc_statepoint:
      return true;
    default:
      return F.hasGC();
    }
  });
}

/// Where LLVM's own passes have work only for code with garbage collection or
/// patch points.
static PassInfo::NormalCtor_t StatepointConstructor, StackMapConstructor;

void installEncodings() {
  PassRegistry &Registry = *PassRegistry::getPassRegistry();
  initializeCodeGen(Registry);
  auto *Statepoints = const_cast<PassInfo *>(Registry.getPassInfo(&FixupStatepointCallerSavedID));
  auto *StackMaps = const_cast<PassInfo *>(Registry.getPassInfo(&StackMapLivenessID));
  if (!Statepoints || !StackMaps || StatepointConstructor)
    return;
  StatepointConstructor = Statepoints->getNormalCtor();
  StackMapConstructor = StackMaps->getNormalCtor();
  Statepoints->setNormalCtor([]() -> Pass * {
    return RenameRegisters || FramePointers ? new RegisterRenamer : StatepointConstructor();
  });
  StackMaps->setNormalCtor(
      []() -> Pass * { return SingleDomain || ShortBranches ? new Finisher : StackMapConstructor(); });
}

} // namespace mlcomp
