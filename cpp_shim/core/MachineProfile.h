//===- MachineProfile.h - what generated code will execute, as estimated ----===//
//
// The Performance Estimator's view of code: how often each kind of machine
// instruction is executed in a run of the program, and how many there are.
//
// LLVM estimates how often each machine block runs, but differently for each
// way of optimising the same source. So the source's blocks are marked with
// probes before optimisation, which end up in machine blocks without becoming
// code. How often a source block runs does not depend on optimisation: it is
// known from a profile, or taken from what LLVM estimates for one of the ways,
// with the trip counts of loops where the IR shows them. That tells how often
// the machine blocks run for all the others.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_MACHINEPROFILE_H
#define MLCOMP_CORE_MACHINEPROFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Support/Error.h"
#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace llvm {
class BasicBlock;
class FunctionPass;
class Module;
} // namespace llvm

namespace mlcomp {

/// Kinds that are counted; an instruction may be of several.
namespace machine {
enum Kind : unsigned {
  Instructions,
  Bytes,  ///< Of their encodings.
  Narrow, ///< Encoded in two bytes.
  Loads,
  Stores,
  PartialAccesses, ///< Loads and stores of less than a register.
  StackAccesses,   ///< Loads and stores relative to the stack pointer.
  Transfers,       ///< Registers loaded or stored by instructions that move several.
  Multiplications,
  Divisions,
  FloatOperations, ///< In hardware.
  Branches,        ///< Conditional.
  Taken,           ///< Of these, taken.
  Jumps,           ///< Unconditional, within a function.
  Calls,
  IndirectCalls,
  Returns,
  LoadUses,    ///< The instruction right behind a load needs what it loads.
  ProductUses, ///< The same for multiplications and divisions.
  Blocks,
  WideStarts,   ///< Blocks that begin with an instruction of four bytes or more.
  LostBlocks,   ///< Executions of source blocks that have no code of their own.
  FloatCalls,   ///< Calls of run-time routines for floating point,
  IntegerCalls, ///< for wide or missing integer operations (of both, 100 executed instructions are one),
  MemoryCalls,  ///< of memcpy and its kind,
  CopyBytes,    ///< with so many bytes in all, as far as they are constant: of memcpy,
  MoveBytes,    ///< of memmove,
  SetBytes,     ///< of memset,
  OutsideCalls, ///< and of other functions that are not in the program.
  NumKinds
};
} // namespace machine

using MachineCounts = std::array<double, machine::NumKinds>;

llvm::ArrayRef<llvm::StringLiteral> machineKindNames();

/// Jumps to an instruction that lies in two words of the memory: in the
/// program, and calls of routines that begin so, by what they are for; bytes
/// that those work on.
namespace crossing {
enum Kind : unsigned { Jumps, FloatCalls, IntegerCalls, MemoryCalls, OutsideCalls, MemoryBytes, NumKinds };
} // namespace crossing

using CrossingCounts = std::array<double, crossing::NumKinds>;

llvm::ArrayRef<llvm::StringLiteral> crossingKindNames();

/// A block of the source: its function's name as a GUID, and its number there.
using Probe = std::pair<uint64_t, uint32_t>;

/// A machine block.
struct BlockProfile {
  double Frequency = 0;                            ///< For each call of the function, as LLVM estimates.
  std::vector<std::pair<unsigned, double>> Counts; ///< Kind, events for each execution.
  std::vector<std::pair<unsigned, double>> Predecessors; ///< Block, probability of the edge.
  std::vector<unsigned> Targets;                         ///< Of its conditional branches, in order.
  unsigned JumpBytes = 0;                                ///< Of the jump behind them, if there is one.
  std::vector<Probe> Probes;
  std::vector<std::string> Callees;
  double StartCrossings = 0;  ///< Of a jump to it; see Layout.h.
  double ReturnCrossings = 0; ///< Of the returns from its calls.
};

/// One function's code.
struct FunctionProfile {
  std::string Name;
  bool Exported = false;   ///< May be called from outside the module.
  MachineCounts Code = {}; ///< Instructions that there are.
  std::vector<BlockProfile> Blocks;
};

/// Marks every block of the module's functions.
void insertProbes(llvm::Module &M);
void removeProbes(llvm::Module &M);
bool hasProbes(const llvm::Module &M);

/// Makes every block of the module count how often it runs, in an array of
/// 32-bit numbers named mlcomp_counts_UNIT. Calls mlcomp_begin_counts and
/// mlcomp_end_counts before the marks of a region of interest, mlcomp_end_main
/// before main returns. Returns the probes in the order of the array.
std::vector<Probe> insertCounters(llvm::Module &M, unsigned Unit);

/// Executions of source blocks, by module of a program.
using SourceCounts = std::map<std::pair<unsigned, Probe>, double>;

/// What the module's profile says about its blocks, if it has one; as unit
/// \p Unit. The module must not be optimised yet.
SourceCounts profiledCounts(llvm::Module &M, llvm::FunctionAnalysisManager &FAM, unsigned Unit);

/// What code generation hides, taken before.
struct SourceFacts {
  /// By loop header, in functions that have no profile.
  llvm::DenseMap<const llvm::BasicBlock *, uint64_t> TripCounts;
  /// By block: bytes, on average, of each memcpy and its kind of constant length.
  llvm::DenseMap<const llvm::BasicBlock *, double> MemoryBytes;
};
SourceFacts factsOf(const llvm::Module &M);

/// A pass to stand at the end of code generation; appends to \p Out.
llvm::FunctionPass *createMachineProfilePass(const SourceFacts &Facts, std::vector<FunctionProfile> &Out);

/// One line of JSON, and back.
std::string toLine(const FunctionProfile &F);
llvm::Expected<FunctionProfile> fromLine(llvm::StringRef Line);

/// What a whole program does.
struct ProgramProfile {
  MachineCounts Executed = {};   ///< In one run from main; without a main, in one
                                 ///< call of each function that nothing calls.
  MachineCounts Code = {};       ///< Instructions that there are.
  CrossingCounts Crossings = {}; ///< In that run.
  SourceCounts Source;           ///< Executions of the source's blocks.
};

/// How likely it is that a routine outside of the program begins in two words.
using RoutineCrossings = std::function<double(llvm::StringRef Name)>;

/// Adds up \p Functions; \p Unit is the index of each function's module. With
/// \p Known, blocks run as often as it says, and by LLVM's estimates otherwise.
ProgramProfile programProfile(llvm::ArrayRef<FunctionProfile> Functions, llvm::ArrayRef<unsigned> Unit,
                              const SourceCounts &Known, const RoutineCrossings &Crosses = {});

/// Source counts as lines of text, and back.
std::string toText(const SourceCounts &Counts);
llvm::Expected<SourceCounts> sourceCountsFrom(llvm::StringRef Text);

} // namespace mlcomp

#endif
