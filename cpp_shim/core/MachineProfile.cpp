#include "MachineProfile.h"
#include "FlowGraph.h"
#include "RoutineTable.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Analysis/BlockFrequencyInfo.h"
#include "llvm/CodeGen/MachineBlockFrequencyInfo.h"
#include "llvm/CodeGen/MachineBranchProbabilityInfo.h"
#include "llvm/CodeGen/MachineFunctionPass.h"
#include "llvm/CodeGen/MachineLoopInfo.h"
#include "llvm/CodeGen/TargetInstrInfo.h"
#include "llvm/CodeGen/TargetLowering.h"
#include "llvm/CodeGen/TargetSubtargetInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <set>

using namespace llvm;

namespace mlcomp {

using namespace machine;

static constexpr StringLiteral Names[NumKinds] = {
    "instructions",   "bytes",      "narrow",          "loads",          "stores",       "partial_access",
    "stack_access",   "transfers",  "multiplications", "divisions",      "float_ops",    "branches",
    "branches_taken", "jumps",      "calls",           "indirect_calls", "returns",      "load_uses",
    "product_uses",   "blocks",     "wide_starts",     "lost_blocks",    "float_calls",  "integer_calls",
    "memory_calls",   "copy_bytes", "move_bytes",      "set_bytes",      "outside_calls"};

ArrayRef<StringLiteral> machineKindNames() { return Names; }

static constexpr StringLiteral CrossingNames[crossing::NumKinds] = {"crossings",
                                                                    "crossed_float_calls",
                                                                    "crossed_integer_calls",
                                                                    "crossed_memory_calls",
                                                                    "crossed_outside_calls",
                                                                    "crossed_bytes"};

ArrayRef<StringLiteral> crossingKindNames() { return CrossingNames; }

SourceFacts factsOf(const Module &M) {
  SourceFacts Facts;
  for (const Function &F : M) {
    for (const BasicBlock &BB : F) {
      double Bytes = 0;
      unsigned Calls = 0;
      for (const Instruction &I : BB)
        if (auto *Memory = dyn_cast<MemIntrinsic>(&I))
          if (auto *Length = dyn_cast<ConstantInt>(Memory->getLength())) {
            Bytes += double(Length->getLimitedValue());
            ++Calls;
          }
      if (Calls)
        Facts.MemoryBytes[&BB] = Bytes / Calls;
    }
    if (F.isDeclaration() || F.hasProfileData())
      continue;
    FlowGraph Graph(F);
    for (const FlowGraph::Loop &L : Graph.loops())
      if (L.TripCount)
        Facts.TripCounts[Graph.block(L.Header)] = std::max<uint64_t>(1, *L.TripCount);
  }
  return Facts;
}

/// How a call out of the program counts.
struct LibraryCall {
  Kind K = OutsideCalls;
  double Weight = 1;
};

/// A routine of the compiler's library that executes so many instructions counts as one.
static constexpr double RoutineUnit = 100;

static LibraryCall libraryCall(StringRef Callee) {
  static const StringMap<LibraryCall> Known = [] {
    StringMap<LibraryCall> Calls;
    for (const Routine &R : Routines)
      Calls[R.Name] = {R.IsFloat ? FloatCalls : IntegerCalls, R.Instructions / RoutineUnit};
    for (StringRef Name : {"memcpy", "memmove", "memset", "memcmp", "strlen", "strcmp", "strcpy", "strncmp",
                           "strncpy", "memchr", "strchr"})
      Calls[Name] = {MemoryCalls};
    return Calls;
  }();
  return Callee.starts_with("__aeabi_mem") ? LibraryCall{MemoryCalls} : Known.lookup(Callee);
}

/// Where the bytes of a routine that works on memory are counted.
static Kind bytesOf(StringRef Callee) {
  return Callee.contains("memmove")                               ? MoveBytes
         : Callee.contains("memset") || Callee.contains("memclr") ? SetBytes
                                                                  : CopyBytes;
}

namespace {

class MachineProfilePass : public MachineFunctionPass {
public:
  static char ID;
  MachineProfilePass(const SourceFacts &Facts, std::vector<FunctionProfile> &Out)
      : MachineFunctionPass(ID), Facts(Facts), Out(Out) {}

  StringRef getPassName() const override { return "mlcomp machine profile"; }

  void getAnalysisUsage(AnalysisUsage &AU) const override {
    AU.setPreservesAll();
    AU.addRequired<MachineBlockFrequencyInfoWrapperPass>();
    AU.addRequired<MachineBranchProbabilityInfoWrapperPass>();
    AU.addRequired<MachineLoopInfoWrapperPass>();
    MachineFunctionPass::getAnalysisUsage(AU);
  }

  bool runOnMachineFunction(MachineFunction &MF) override;

private:
  double loopCorrection(const MachineBasicBlock &MBB) const;
  BlockProfile profileOf(const MachineBasicBlock &MBB, MachineCounts &Code) const;
  void countInstruction(const MachineInstr &MI, const MachineInstr *Next, MachineCounts &Counts) const;
  void addTerminators(const MachineBasicBlock &MBB, BlockProfile &B, MachineCounts &Code) const;

  const SourceFacts &Facts;
  std::vector<FunctionProfile> &Out;
  const MachineBlockFrequencyInfo *Frequencies = nullptr;
  const MachineBranchProbabilityInfo *Probabilities = nullptr;
  const MachineLoopInfo *Loops = nullptr;
  const TargetInstrInfo *TII = nullptr;
  const TargetRegisterInfo *TRI = nullptr;
  unsigned RegisterBytes = 4;
  Register StackPointer;
};

} // namespace

char MachineProfilePass::ID = 0;

FunctionPass *createMachineProfilePass(const SourceFacts &Facts, std::vector<FunctionProfile> &Out) {
  return new MachineProfilePass(Facts, Out);
}

/// How much more often a block runs than its frequency says, because loops
/// around it have a trip count that the IR showed.
double MachineProfilePass::loopCorrection(const MachineBasicBlock &MBB) const {
  double Factor = 1;
  for (const MachineLoop *L = Loops->getLoopFor(&MBB); L; L = L->getParentLoop()) {
    const MachineBasicBlock *Header = L->getHeader();
    auto It = Facts.TripCounts.find(Header->getBasicBlock());
    if (It == Facts.TripCounts.end())
      continue;
    double Runs = double(Frequencies->getBlockFreq(Header).getFrequency()), Back = 0;
    for (const MachineBasicBlock *Pred : Header->predecessors())
      if (L->contains(Pred))
        Back += double(Frequencies->getBlockFreq(Pred).getFrequency()) *
                Probabilities->getEdgeProbability(Pred, Header).getNumerator() /
                BranchProbability::getDenominator();
    if (Runs > Back)
      Factor *= double(It->second) * (Runs - Back) / Runs;
  }
  return Factor;
}

bool MachineProfilePass::runOnMachineFunction(MachineFunction &MF) {
  Frequencies = &getAnalysis<MachineBlockFrequencyInfoWrapperPass>().getMBFI();
  Probabilities = &getAnalysis<MachineBranchProbabilityInfoWrapperPass>().getMBPI();
  Loops = &getAnalysis<MachineLoopInfoWrapperPass>().getLI();
  TII = MF.getSubtarget().getInstrInfo();
  TRI = MF.getSubtarget().getRegisterInfo();
  StackPointer = MF.getSubtarget().getTargetLowering()->getStackPointerRegisterToSaveRestore();
  RegisterBytes = MF.getDataLayout().getPointerSize();
  FunctionProfile P;
  P.Name = MF.getName().str();
  P.Exported = !MF.getFunction().hasLocalLinkage() || MF.getFunction().hasAddressTaken();
  MF.RenumberBlocks();
  for (const MachineBasicBlock &MBB : MF)
    P.Blocks.push_back(profileOf(MBB, P.Code));
  Out.push_back(std::move(P));
  return false;
}

BlockProfile MachineProfilePass::profileOf(const MachineBasicBlock &MBB, MachineCounts &Code) const {
  BlockProfile B;
  B.Frequency = Frequencies->getBlockFreqRelativeToEntryBlock(&MBB) * loopCorrection(MBB);
  MachineCounts Counts = {};
  Counts[Blocks] = 1;
  const MachineInstr *Previous = nullptr;
  for (const MachineInstr &MI : MBB.instrs()) {
    if (MI.isPseudoProbe() && !MBB.getParent()->isOutlined()) // which has those of one place alone
      B.Probes.emplace_back(MI.getOperand(0).getImm(), MI.getOperand(1).getImm());
    if (MI.isBundle() || MI.isMetaInstruction())
      continue;
    if (Previous)
      countInstruction(*Previous, &MI, Counts);
    else
      Counts[WideStarts] = TII->getInstSizeInBytes(MI) >= 4;
    Previous = &MI;
    if (!MI.isCall())
      continue;
    for (const MachineOperand &Operand : MI.operands()) {
      if (!Operand.isGlobal() && !Operand.isSymbol())
        continue;
      B.Callees.push_back(Operand.isGlobal() ? Operand.getGlobal()->getName().str()
                                             : Operand.getSymbolName());
      if (libraryCall(B.Callees.back()).K == MemoryCalls)
        Counts[bytesOf(B.Callees.back())] += Facts.MemoryBytes.lookup(MBB.getBasicBlock());
    }
  }
  if (Previous)
    countInstruction(*Previous, nullptr, Counts);
  for (unsigned K = 0; K != NumKinds; ++K)
    Code[K] += Counts[K];
  addTerminators(MBB, B, Code);
  for (unsigned K = 0; K != NumKinds; ++K)
    if (Counts[K] != 0)
      B.Counts.emplace_back(K, Counts[K]);
  for (const MachineBasicBlock *Pred : MBB.predecessors()) {
    BranchProbability Edge = Probabilities->getEdgeProbability(Pred, &MBB);
    B.Predecessors.emplace_back(Pred->getNumber(),
                                double(Edge.getNumerator()) / BranchProbability::getDenominator());
  }
  return B;
}

void MachineProfilePass::countInstruction(const MachineInstr &MI, const MachineInstr *Next,
                                          MachineCounts &Counts) const {
  const MCInstrDesc &Desc = MI.getDesc();
  StringRef Name = TII->getName(MI.getOpcode());
  unsigned Size = TII->getInstSizeInBytes(MI);
  Counts[Instructions] += 1;
  Counts[Bytes] += Size;
  Counts[Narrow] += Size == 2;
  bool Product =
      Name.contains("MUL") || Name.contains("MLA") || Name.contains("MLS") || Name.contains("MADD");
  bool Quotient = Name.contains("DIV") || Name.contains("REM");
  Counts[Multiplications] += Product;
  Counts[Divisions] += Quotient;
  Counts[FloatOperations] += Desc.mayRaiseFPException();
  Counts[Returns] += MI.isReturn() && !MI.isCall();
  if (MI.isCall()) {
    Counts[machine::Calls] += 1;
    Counts[IndirectCalls] +=
        none_of(MI.operands(), [](const MachineOperand &O) { return O.isGlobal() || O.isSymbol(); });
    return;
  }
  bool Loading = MI.mayLoad() && !MI.isInlineAsm(), Storing = MI.mayStore() && !MI.isInlineAsm();
  if (Loading || Storing) {
    Counts[Loads] += Loading;
    Counts[Stores] += Storing;
    Counts[PartialAccesses] += any_of(MI.memoperands(), [&](const MachineMemOperand *Access) {
      return Access->getSize().hasValue() && Access->getSize().getValue() < RegisterBytes;
    });
    Counts[StackAccesses] += StackPointer && MI.readsRegister(StackPointer, TRI);
    if (Desc.isVariadic()) // a list of registers
      Counts[Transfers] += MI.getNumExplicitOperands() - Desc.getNumOperands() + 1;
  }
  bool Awaited =
      Next && (Loading || Product || Quotient) && any_of(MI.all_defs(), [&](const MachineOperand &O) {
        return O.getReg().isPhysical() && Next->readsRegister(O.getReg(), TRI);
      });
  Counts[Loading ? LoadUses : ProductUses] += Awaited;
}

/// Branches and the jump at a block's end; how often they are reached and taken
/// is a matter of the edges' frequencies.
void MachineProfilePass::addTerminators(const MachineBasicBlock &MBB, BlockProfile &B,
                                        MachineCounts &Code) const {
  for (const MachineInstr &MI : MBB.terminators()) {
    if (!MI.isBranch() || MI.isCall() || MI.isReturn())
      continue;
    Code[MI.isConditionalBranch() ? Branches : Jumps] += 1;
    if (!MI.isConditionalBranch()) {
      B.JumpBytes = TII->getInstSizeInBytes(MI);
      continue;
    }
    unsigned Target = MBB.getNumber(); // somewhere that is not known
    for (const MachineOperand &Operand : MI.operands())
      if (Operand.isMBB())
        Target = Operand.getMBB()->getNumber();
    B.Targets.push_back(Target);
  }
}

/// Calls \p Visit with a place in each block of the source and its probe.
static void visitSource(Module &M, function_ref<void(BasicBlock::iterator, Probe)> Visit) {
  for (Function &F : M) {
    uint32_t Number = 0;
    for (BasicBlock &BB : F) {
      ++Number;
      if (auto Place = BB.getFirstInsertionPt(); Place != BB.end())
        Visit(Place, {F.getGUID(), Number});
    }
  }
}

void insertProbes(Module &M) {
  Function *Intrinsic = Intrinsic::getDeclaration(&M, Intrinsic::pseudoprobe);
  Type *Int64 = Type::getInt64Ty(M.getContext()), *Int32 = Type::getInt32Ty(M.getContext());
  visitSource(M, [&](BasicBlock::iterator Place, Probe P) {
    CallInst::Create(Intrinsic,
                     {ConstantInt::get(Int64, P.first), ConstantInt::get(Int64, P.second),
                      ConstantInt::get(Int32, 0), ConstantInt::get(Int64, ~0ull)},
                     "", Place);
  });
}

static constexpr StringLiteral ProbeName = "llvm.pseudoprobe";

bool hasProbes(const Module &M) { return M.getFunction(ProbeName); }

void removeProbes(Module &M) {
  Function *Intrinsic = M.getFunction(ProbeName);
  if (!Intrinsic)
    return;
  for (User *U : make_early_inc_range(Intrinsic->users()))
    cast<CallInst>(U)->eraseFromParent();
  Intrinsic->eraseFromParent();
}

std::vector<Probe> insertCounters(Module &M, unsigned Unit) {
  std::vector<Probe> Probes;
  visitSource(M, [&](BasicBlock::iterator, Probe P) { Probes.push_back(P); });
  Type *Int32 = Type::getInt32Ty(M.getContext());
  ArrayType *Array = ArrayType::get(Int32, Probes.size());
  auto *Counts = new GlobalVariable(M, Array, false, GlobalValue::ExternalLinkage,
                                    ConstantAggregateZero::get(Array), "mlcomp_counts_" + Twine(Unit));
  unsigned Index = 0;
  visitSource(M, [&](BasicBlock::iterator Place, Probe) {
    IRBuilder<> Builder(Place->getParent(), Place);
    Value *Cell = Builder.CreateConstInBoundsGEP2_32(Array, Counts, 0, Index++);
    Builder.CreateStore(Builder.CreateAdd(Builder.CreateLoad(Int32, Cell), ConstantInt::get(Int32, 1)), Cell);
  });
  Type *Void = Type::getVoidTy(M.getContext());
  auto CallBefore = [&](Instruction *Place, StringRef Name) {
    CallInst::Create(M.getOrInsertFunction(Name, Void), "", Place->getIterator());
  };
  for (auto [Mark, Name] : {std::pair("roi_begin", "mlcomp_begin_counts"), {"roi_end", "mlcomp_end_counts"}})
    if (Function *Marker = M.getFunction(Mark))
      for (User *U : Marker->users())
        if (auto *Call = dyn_cast<CallInst>(U))
          CallBefore(Call, Name);
  if (Function *Main = M.getFunction("main"); Main && !Main->isDeclaration())
    for (BasicBlock &BB : *Main)
      if (isa<ReturnInst>(BB.getTerminator()))
        CallBefore(BB.getTerminator(), "mlcomp_end_main");
  return Probes;
}

SourceCounts profiledCounts(Module &M, FunctionAnalysisManager &FAM, unsigned Unit) {
  SourceCounts Counts;
  for (Function &F : M) {
    auto Entry = F.getEntryCount();
    if (F.isDeclaration() || !Entry)
      continue;
    auto &Frequencies = FAM.getResult<BlockFrequencyAnalysis>(F);
    double First = double(Frequencies.getEntryFreq().getFrequency());
    uint32_t Number = 0;
    for (BasicBlock &BB : F)
      Counts[{Unit, {F.getGUID(), ++Number}}] =
          double(Entry->getCount()) * double(Frequencies.getBlockFreq(&BB).getFrequency()) / First;
  }
  return Counts;
}

template <typename Pairs> static json::Array flat(const Pairs &From) {
  json::Array To;
  for (const auto &[First, Second] : From) {
    To.push_back(First);
    To.push_back(Second);
  }
  return To;
}

std::string toLine(const FunctionProfile &F) {
  json::Array Blocks;
  for (const BlockProfile &B : F.Blocks) {
    json::Array Probes;
    for (const Probe &P : B.Probes) {
      Probes.push_back(utohexstr(P.first)); // as a number it could lose digits
      Probes.push_back(P.second);
    }
    Blocks.push_back(json::Object{{"frequency", B.Frequency},
                                  {"counts", flat(B.Counts)},
                                  {"predecessors", flat(B.Predecessors)},
                                  {"targets", json::Array(B.Targets)},
                                  {"jump", B.JumpBytes},
                                  {"probes", std::move(Probes)},
                                  {"callees", json::Array(B.Callees)}});
  }
  std::string Line;
  raw_string_ostream OS(Line);
  OS << json::Value(json::Object{{"name", F.Name},
                                 {"exported", F.Exported},
                                 {"code", json::Array(F.Code)},
                                 {"blocks", std::move(Blocks)}});
  return Line;
}

static bool readPairs(const json::Array *From, unsigned Limit, std::vector<std::pair<unsigned, double>> &To) {
  if (!From || From->size() % 2)
    return false;
  for (size_t I = 0; I != From->size(); I += 2) {
    auto First = (*From)[I].getAsUINT64();
    auto Second = (*From)[I + 1].getAsNumber();
    if (!First || *First >= Limit || !Second)
      return false;
    To.emplace_back(*First, *Second);
  }
  return true;
}

static bool readBlock(const json::Object *O, unsigned BlockCount, BlockProfile &B) {
  if (!O || !O->getNumber("frequency") || !O->getInteger("jump") || !O->getArray("targets") ||
      !O->getArray("probes") || O->getArray("probes")->size() % 2 || !O->getArray("callees"))
    return false;
  B.Frequency = *O->getNumber("frequency");
  B.JumpBytes = *O->getInteger("jump");
  for (const json::Value &Target : *O->getArray("targets")) {
    if (Target.getAsUINT64().value_or(BlockCount) >= BlockCount)
      return false;
    B.Targets.push_back(*Target.getAsUINT64());
  }
  const json::Array &Probes = *O->getArray("probes");
  for (size_t I = 0; I != Probes.size(); I += 2) {
    uint64_t Guid;
    auto Number = Probes[I + 1].getAsUINT64();
    if (!Number || Probes[I].getAsString().value_or("").getAsInteger(16, Guid))
      return false;
    B.Probes.emplace_back(Guid, *Number);
  }
  for (const json::Value &Callee : *O->getArray("callees")) {
    if (!Callee.getAsString())
      return false;
    B.Callees.push_back(Callee.getAsString()->str());
  }
  return readPairs(O->getArray("counts"), NumKinds, B.Counts) &&
         readPairs(O->getArray("predecessors"), BlockCount, B.Predecessors);
}

Expected<FunctionProfile> fromLine(StringRef Line) {
  auto Malformed = [] {
    return createStringError(inconvertibleErrorCode(), "not a function's machine profile");
  };
  Expected<json::Value> Parsed = json::parse(Line);
  if (!Parsed)
    return Parsed.takeError();
  const json::Object *O = Parsed->getAsObject();
  if (!O || !O->getString("name") || !O->getBoolean("exported") || !O->getArray("code") ||
      O->getArray("code")->size() != NumKinds || !O->getArray("blocks"))
    return Malformed();
  FunctionProfile F;
  F.Name = O->getString("name")->str();
  F.Exported = *O->getBoolean("exported");
  for (unsigned K = 0; K != NumKinds; ++K)
    F.Code[K] = (*O->getArray("code"))[K].getAsNumber().value_or(0);
  const json::Array &Blocks = *O->getArray("blocks");
  for (const json::Value &Block : Blocks)
    if (!readBlock(Block.getAsObject(), Blocks.size(), F.Blocks.emplace_back()))
      return Malformed();
  return F;
}

std::string toText(const SourceCounts &Counts) {
  std::string Text;
  raw_string_ostream OS(Text);
  for (const auto &[Key, Times] : Counts)
    OS << Key.first << ' ' << utohexstr(Key.second.first) << ' ' << Key.second.second << ' '
       << format("%.9g", Times) << '\n';
  return Text;
}

Expected<SourceCounts> sourceCountsFrom(StringRef Text) {
  SourceCounts Counts;
  SmallVector<StringRef> Lines, Words;
  Text.split(Lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef Line : Lines) {
    Words.clear();
    Line.split(Words, ' ');
    unsigned Unit;
    Probe P;
    double Times;
    if (Words.size() != 4 || Words[0].getAsInteger(10, Unit) || Words[1].getAsInteger(16, P.first) ||
        Words[2].getAsInteger(10, P.second) || Words[3].getAsDouble(Times) || !(Times >= 0))
      return createStringError(inconvertibleErrorCode(), "not a line of source counts: " + Line);
    Counts[{Unit, P}] = Times;
  }
  return Counts;
}

namespace {

/// The functions of a program, and how often their blocks run.
class Program {
public:
  Program(ArrayRef<FunctionProfile> Functions, ArrayRef<unsigned> Unit) : Functions(Functions), Unit(Unit) {
    for (unsigned I = 0; I != Functions.size(); ++I) {
      InUnit[{Unit[I], Functions[I].Name}] = I;
      if (Functions[I].Exported)
        Anywhere.try_emplace(Functions[I].Name, I);
    }
    estimate();
    makeEdges();
  }

  void follow(const SourceCounts &Known);
  ProgramProfile total(const RoutineCrossings &Crosses) const;

private:
  static constexpr unsigned StartRounds = 12, Rounds = 300;
  static constexpr double Most = 1e15, RecursiveCalls = 8, Least = 1e-9, Tiny = 1e-100, TrustInCopies = 0.35;

  /// The callee in the same module, or else in another; none outside.
  std::optional<unsigned> callee(unsigned Caller, StringRef Name) const {
    if (auto Here = InUnit.find({Unit[Caller], Name}); Here != InUnit.end())
      return Here->second;
    if (auto There = Anywhere.find(Name); There != Anywhere.end())
      return There->second;
    return std::nullopt;
  }
  /// A function and a block of it.
  using Place = std::pair<unsigned, unsigned>;

  /// A way into a block, from another one or from outside of the function.
  struct Edge {
    std::optional<unsigned> From;
    unsigned To;
    double Times;
  };

  /// Blocks that run so often together, counted several times where that is
  /// said.
  struct Constraint {
    double Times;
    std::vector<std::pair<Place, unsigned>> Places;
  };

  /// What probes say about a block: nothing, that it never runs, how often it
  /// runs, alone or together with others.
  enum class Evidence : char { None, Never, Some };

  void estimate();
  void makeEdges();
  std::vector<unsigned> flowOrder(unsigned I) const;
  void scaleFunction(unsigned I, double Factor);
  double flow(unsigned I, ArrayRef<unsigned> Side) const;
  void scaleTo(unsigned I, ArrayRef<unsigned> Side, double Times);
  void setBranch(unsigned I, unsigned B, const SourceCounts &Known);
  void gather(const SourceCounts &Known);
  bool hasEvidence(unsigned I) const;
  void balance(unsigned I);
  void satisfy(const Constraint &C);
  double estimated(const Constraint &C) const;
  void scaleToKnown();
  SourceCounts sourceCounts() const;
  double fallsInto(unsigned I, unsigned B,
                   const std::map<std::pair<unsigned, unsigned>, double> &Times) const;

  ArrayRef<FunctionProfile> Functions;
  ArrayRef<unsigned> Unit;
  std::map<std::pair<unsigned, StringRef>, unsigned> InUnit;
  std::map<StringRef, unsigned> Anywhere;
  std::vector<std::vector<double>> Runs;                   ///< By function and block: what flows into it.
  std::vector<std::vector<Edge>> Edges;                    ///< By function.
  std::vector<std::vector<std::vector<unsigned>>> In, Out; ///< Edges by function and block.
  std::vector<std::vector<unsigned>> FlowOrder;            ///< Blocks by function, where there is evidence.
  std::vector<std::vector<Evidence>> Evident;              ///< By function and block.
  std::vector<Constraint> Constraints;
  std::vector<unsigned> Order; ///< Callers before callees, but in recursion.
  double Lost = 0;
};

} // namespace

/// By LLVM's estimates: calls from main on, then blocks. A function that comes
/// back to itself is taken to do so a few times for each call from elsewhere.
void Program::estimate() {
  std::vector<std::map<unsigned, double>> Calls(Functions.size());
  std::vector<bool> IsCalled(Functions.size());
  for (unsigned I = 0; I != Functions.size(); ++I)
    for (const BlockProfile &B : Functions[I].Blocks)
      for (const std::string &Name : B.Callees)
        if (auto To = callee(I, Name)) {
          Calls[I][*To] += B.Frequency;
          IsCalled[*To] = IsCalled[*To] || *To != I;
        }
  // Callers before callees, but for calls back to a function in progress.
  enum State : char { New, Open, Done };
  std::vector<State> States(Functions.size());
  std::vector<bool> IsRecursive(Functions.size());
  std::set<std::pair<unsigned, unsigned>> Back;
  std::function<void(unsigned)> Visit = [&](unsigned I) {
    States[I] = Open;
    for (const auto &[To, Times] : Calls[I]) {
      if (States[To] == Open) {
        IsRecursive[To] = true;
        Back.insert({I, To});
      } else if (States[To] == New) {
        Visit(To);
      }
    }
    States[I] = Done;
    Order.push_back(I);
  };
  for (bool Called : {false, true}) // what nothing calls comes first
    for (unsigned I = 0; I != Functions.size(); ++I)
      if (IsCalled[I] == Called && States[I] == New)
        Visit(I);
  std::reverse(Order.begin(), Order.end());
  // What nothing calls by name is called once: main, entries, what pointers
  // point to.
  std::vector<double> Entries;
  for (unsigned I = 0; I != Functions.size(); ++I)
    Entries.push_back(!IsCalled[I]);
  for (unsigned I : Order) {
    if (IsRecursive[I])
      Entries[I] = std::max(1.0, Entries[I]) * RecursiveCalls;
    for (const auto &[To, Times] : Calls[I])
      if (!Back.count({I, To}))
        Entries[To] = std::min(Most, Entries[To] + Times * Entries[I]);
  }
  for (unsigned I = 0; I != Functions.size(); ++I) {
    Runs.emplace_back();
    for (const BlockProfile &B : Functions[I].Blocks)
      Runs.back().push_back(Entries[I] * B.Frequency);
  }
}

/// Edges, as probabilities say, scaled until as much flows out of and into
/// each block as it runs.
void Program::makeEdges() {
  for (unsigned I = 0; I != Functions.size(); ++I) {
    const std::vector<BlockProfile> &Blocks = Functions[I].Blocks;
    std::vector<Edge> &E = Edges.emplace_back();
    In.emplace_back(Blocks.size());
    Out.emplace_back(Blocks.size());
    auto Add = [&](std::optional<unsigned> From, unsigned To, double Times) {
      In[I][To].push_back(E.size());
      if (From)
        Out[I][*From].push_back(E.size());
      E.push_back({From, To, Times});
    };
    for (unsigned B = 0; B != Blocks.size(); ++B) {
      double Inner = 0;
      for (const auto &[From, Probability] : Blocks[B].Predecessors) {
        double Times = Runs[I][From] * std::max(Probability, Least);
        Add(From, B, Times);
        Inner += Times;
      }
      if (B == 0 || Blocks[B].Predecessors.empty())
        Add(std::nullopt, B, std::max(Runs[I][B] - Inner, Least * Runs[I][B]));
    }
    for (unsigned Round = 0; Round != StartRounds; ++Round)
      for (const auto &Side : {Out[I], In[I]})
        for (unsigned B = 0; B != Blocks.size(); ++B)
          scaleTo(I, Side[B], Runs[I][B]);
  }
}

/// Blocks in reverse postorder: but for loops, what flows into a block comes from
/// earlier ones, which where code lies does not tell.
std::vector<unsigned> Program::flowOrder(unsigned I) const {
  std::vector<bool> Seen(Runs[I].size());
  std::vector<unsigned> Order;
  std::vector<std::pair<unsigned, unsigned>> Open; // blocks, and how many of their ways are left
  auto Enter = [&](unsigned B) {
    if (!Seen[B])
      Open.emplace_back(B, Out[I][B].size());
    Seen[B] = true;
  };
  for (unsigned First = Seen.size(); First-- != 0;) {
    if (First == 0 || Functions[I].Blocks[First].Predecessors.empty())
      Enter(First);
    while (!Open.empty()) {
      auto &[B, Left] = Open.back();
      if (Left != 0) {
        Enter(Edges[I][Out[I][B][--Left]].To);
      } else {
        Order.push_back(B);
        Open.pop_back();
      }
    }
  }
  std::reverse(Order.begin(), Order.end());
  return Order;
}

void Program::scaleFunction(unsigned I, double Factor) {
  for (double &Times : Runs[I])
    Times *= Factor;
  for (Edge &E : Edges[I])
    E.Times *= Factor;
}

double Program::flow(unsigned I, ArrayRef<unsigned> Side) const {
  double Sum = 0;
  for (unsigned Index : Side)
    Sum += Edges[I][Index].Times;
  return Sum;
}

void Program::scaleTo(unsigned I, ArrayRef<unsigned> Side, double Times) {
  double Sum = flow(I, Side);
  for (unsigned Index : Side)
    Edges[I][Index].Times *= Sum > Tiny ? Times / Sum : 0;
}

/// Where a block branches to, as in the source: each copy of a branch is taken
/// to go there as often as all of them together do. Of a block where paths come
/// together, that is the most.
void Program::setBranch(unsigned I, unsigned B, const SourceCounts &Known) {
  const std::vector<BlockProfile> &Blocks = Functions[I].Blocks;
  if (Blocks[B].Probes.empty())
    return;
  Probe Last = Blocks[B].Probes.back();
  auto Here = Known.find({Unit[I], Last});
  if (Here == Known.end() || Here->second <= 0)
    return;
  struct Way {
    Edge &E;
    double Share; ///< What is known, or the most.
    bool IsKnown;
  };
  std::vector<Way> Ways;
  double Left = 1, Times = 0, Room = 0;
  for (unsigned Index : Out[I][B]) {
    Way W{Edges[I][Index], 1, false};
    if (const auto &Probes = Blocks[W.E.To].Probes; !Probes.empty() && Probes.front().first == Last.first)
      if (auto There = Known.find({Unit[I], Probes.front()}); There != Known.end()) {
        W.Share = std::min(1.0, There->second / Here->second);
        W.IsKnown = In[I][W.E.To].size() == 1;
      }
    if (W.IsKnown) {
      Left = std::max(0.0, Left - W.Share);
    } else {
      Times += W.E.Times;
      Room += W.Share;
    }
    Ways.push_back(W);
  }
  for (const auto &[E, Share, IsKnown] : Ways) {
    double Now = Share;
    if (!IsKnown) {
      double Fewest = std::clamp(Left - (Room - Share), 0.0, Share);
      Now = std::clamp(Times > 0 ? Left * E.Times / Times : Left, Fewest, Share);
    }
    E.Times = std::max(Now, Least) * std::max(Runs[I][B], Least);
  }
}

/// Brings what flows into each block of a function, and out of it, together.
void Program::balance(unsigned I) {
  auto Visit = [&](unsigned B, ArrayRef<unsigned> From, ArrayRef<unsigned> To) {
    double Sum = flow(I, From);
    if (!From.empty() && Evident[I][B] == Evidence::None)
      Runs[I][B] = Sum;
    else if (!From.empty() && Evident[I][B] == Evidence::Some)
      Runs[I][B] = std::sqrt(Runs[I][B] * Sum);
    scaleTo(I, To, Runs[I][B]);
  };
  for (unsigned B : FlowOrder[I])
    Visit(B, In[I][B], Out[I][B]);
  for (unsigned B : llvm::reverse(FlowOrder[I]))
    Visit(B, Out[I][B], In[I][B]);
}

/// How often its blocks run together.
double Program::estimated(const Constraint &C) const {
  double Sum = 0;
  for (const auto &[Where, Count] : C.Places)
    Sum += Count * Runs[Where.first][Where.second];
  return Sum;
}

/// Scales blocks so that the constraint holds.
void Program::satisfy(const Constraint &C) {
  double Sum = estimated(C);
  if (Sum <= Tiny)
    return;
  unsigned Most = 1;
  for (const auto &[Where, Count] : C.Places)
    Most = std::max(Most, Count);
  // There may have been more copies.
  double Trust = Sum < C.Times ? TrustInCopies : 1;
  for (const auto &[Where, Count] : C.Places)
    Runs[Where.first][Where.second] *= std::pow(C.Times / Sum, Trust * Count / Most);
}

SourceCounts Program::sourceCounts() const {
  SourceCounts Counts;
  for (unsigned I = 0; I != Functions.size(); ++I)
    for (unsigned B = 0; B != Runs[I].size(); ++B)
      for (const Probe &P : Functions[I].Blocks[B].Probes)
        Counts[{Unit[I], P}] += Runs[I][B];
  return Counts;
}

/// What is known of probes, as it concerns blocks.
void Program::gather(const SourceCounts &Known) {
  std::map<SourceCounts::key_type, std::map<Place, unsigned>> Copies;
  for (unsigned I = 0; I != Functions.size(); ++I) {
    Evident.emplace_back(Runs[I].size());
    for (unsigned B = 0; B != Runs[I].size(); ++B)
      for (const Probe &P : Functions[I].Blocks[B].Probes)
        if (Known.count({Unit[I], P}))
          ++Copies[{Unit[I], P}][{I, B}];
  }
  // Of probes with copies in the same blocks the rarest has lost none.
  std::map<std::vector<std::pair<Place, unsigned>>, double> Sums;
  for (const auto &[Key, Times] : Known) {
    auto Found = Copies.find(Key);
    if (Found == Copies.end()) {
      Lost += Times;
      continue;
    }
    const std::map<Place, unsigned> &Places = Found->second;
    Evidence New = Times > 0 ? Evidence::Some : Evidence::Never;
    for (const auto &[Where, Count] : Places)
      if (Evidence &Old = Evident[Where.first][Where.second]; Old != Evidence::Never)
        Old = New;
    if (Times > 0) {
      auto [It, IsNew] = Sums.try_emplace({Places.begin(), Places.end()}, Times);
      It->second = std::min(It->second, Times);
    }
  }
  for (unsigned I = 0; I != Functions.size(); ++I)
    for (unsigned B = 0; B != Runs[I].size(); ++B)
      if (Evident[I][B] == Evidence::Never)
        Runs[I][B] = 0;
  for (const auto &[Places, Times] : Sums)
    Constraints.push_back({Times, Places});
}

bool Program::hasEvidence(unsigned I) const {
  return any_of(Evident[I], [](Evidence E) { return E != Evidence::None; });
}

/// Brings each function's estimates to the size of what is known of it. What is
/// not known keeps its share, which flows alone cannot tell of a loop: however
/// often it goes round, as much flows into it as out of it.
void Program::scaleToKnown() {
  struct Ratio {
    double Logarithms = 0;
    unsigned Number = 0;
  };
  std::vector<Ratio> Ratios(Functions.size());
  for (const Constraint &C : Constraints) {
    double Sum = estimated(C);
    if (Sum <= Tiny)
      continue;
    for (const auto &[Where, Count] : C.Places) {
      Ratios[Where.first].Logarithms += std::log(C.Times / Sum);
      ++Ratios[Where.first].Number;
    }
  }
  for (unsigned I = 0; I != Functions.size(); ++I)
    if (Ratios[I].Number != 0)
      scaleFunction(I, std::exp(Ratios[I].Logarithms / Ratios[I].Number));
}

/// Makes what is known of the probes hold, and as much flow out of blocks as
/// into them.
void Program::follow(const SourceCounts &Known) {
  gather(Known);
  for (unsigned I = 0; I != Functions.size(); ++I)
    FlowOrder.push_back(hasEvidence(I) ? flowOrder(I) : std::vector<unsigned>());
  for (unsigned I = 0; I != Functions.size(); ++I)
    for (unsigned B = 0; B != Runs[I].size(); ++B)
      if (Out[I][B].size() > 1)
        setBranch(I, B, Known);
  scaleToKnown();
  for (unsigned Round = 0; Round != Rounds; ++Round) {
    llvm::for_each(Constraints, [this](const Constraint &C) { satisfy(C); });
    for (unsigned I = 0; I != Functions.size(); ++I)
      balance(I);
  }
  llvm::for_each(Constraints, [this](const Constraint &C) { satisfy(C); });
  // What code generation has outlined has no probes: it runs as often as it is
  // called.
  std::vector<double> CalledTimes(Functions.size());
  for (unsigned I : Order) {
    const std::vector<BlockProfile> &Blocks = Functions[I].Blocks;
    bool Generated = all_of(Blocks, [](const BlockProfile &B) { return B.Probes.empty(); });
    if (Generated || (CalledTimes[I] > 0 && !hasEvidence(I)))
      scaleFunction(I, Runs[I][0] > 0 ? CalledTimes[I] / Runs[I][0] : 0);
    for (unsigned B = 0; B != Blocks.size(); ++B)
      for (const std::string &Name : Blocks[B].Callees)
        if (auto To = callee(I, Name))
          CalledTimes[*To] += Runs[I][B];
  }
}

/// How often a block is run without a jump to it, by how often ways from block
/// to block are gone.
double Program::fallsInto(unsigned I, unsigned B,
                          const std::map<std::pair<unsigned, unsigned>, double> &Times) const {
  if (B == 0)
    return 0;
  const BlockProfile &Above = Functions[I].Blocks[B - 1];
  auto Way = Times.find({B - 1, B});
  return Above.JumpBytes || is_contained(Above.Targets, B) || Way == Times.end() ? 0 : Way->second;
}

/// Counts calls of a routine, made so often by a block.
static void addRoutine(const BlockProfile &B, StringRef Name, machine::Kind K, double Times,
                       CrossingCounts &To) {
  To[K == FloatCalls     ? crossing::FloatCalls
     : K == IntegerCalls ? crossing::IntegerCalls
     : K == MemoryCalls  ? crossing::MemoryCalls
                         : crossing::OutsideCalls] += Times;
  if (K != MemoryCalls)
    return;
  auto Alike = count_if(B.Callees, [&](StringRef Other) {
    return libraryCall(Other).K == MemoryCalls && bytesOf(Other) == bytesOf(Name);
  });
  for (const auto &[Counted, Bytes] : B.Counts)
    if (Counted == bytesOf(Name))
      To[crossing::MemoryBytes] += Times * Bytes / double(Alike);
}

ProgramProfile Program::total(const RoutineCrossings &Crosses) const {
  ProgramProfile Total;
  MachineCounts &Executed = Total.Executed;
  Executed[LostBlocks] = Lost;
  for (unsigned I = 0; I != Functions.size(); ++I) {
    for (unsigned K = 0; K != NumKinds; ++K)
      Total.Code[K] += Functions[I].Code[K];
    std::map<std::pair<unsigned, unsigned>, double> Times;
    for (const Edge &E : Edges[I])
      if (E.From)
        Times[{*E.From, E.To}] += E.Times;
    for (unsigned B = 0; B != Runs[I].size(); ++B) {
      const BlockProfile &Block = Functions[I].Blocks[B];
      for (const auto &[K, Count] : Block.Counts)
        Executed[K] += Runs[I][B] * Count;
      for (const std::string &Name : Block.Callees)
        if (!callee(I, Name)) {
          LibraryCall Call = libraryCall(Name);
          Executed[Call.K] += Runs[I][B] * Call.Weight;
          Total.Code[Call.K] += 1;
          if (Crosses)
            addRoutine(Block, Name, Call.K, Runs[I][B] * Crosses(Name), Total.Crossings);
        }
      Total.Crossings[crossing::Jumps] +=
          Runs[I][B] * Block.ReturnCrossings +
          std::max(0.0, Runs[I][B] - fallsInto(I, B, Times)) * Block.StartCrossings;
      double Reached = Runs[I][B];
      for (unsigned Target : Block.Targets) {
        auto Known = Times.find({B, Target});
        double Here = std::min(Reached, Known == Times.end() ? Reached / 2 : Known->second);
        Executed[Branches] += Reached;
        Executed[Taken] += Here;
        Reached -= Here;
      }
      if (!Block.JumpBytes)
        continue;
      Executed[Jumps] += Reached;
      Executed[Instructions] -= Runs[I][B] - Reached; // not executed behind a taken branch
      Executed[Bytes] -= (Runs[I][B] - Reached) * Block.JumpBytes;
    }
  }
  Total.Source = sourceCounts();
  return Total;
}

ProgramProfile programProfile(ArrayRef<FunctionProfile> Functions, ArrayRef<unsigned> Unit,
                              const SourceCounts &Known, const RoutineCrossings &Crosses) {
  Program P(Functions, Unit);
  if (!Known.empty())
    P.follow(Known);
  return P.total(Crosses);
}

} // namespace mlcomp
