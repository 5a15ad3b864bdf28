//===- Guard.h - trying things in a forked child ---------------------------===//
//
// Whatever may crash, hang or change the module beyond repair runs in a forked
// child. What the child learns comes back as messages through a pipe; what it
// does to memory, options or the module goes with it, unless it takes over:
// then the child goes on as the compiler, and the parent ends as it ends.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_CORE_GUARD_H
#define MLCOMP_CORE_GUARD_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace llvm {
class Module;
}

namespace mlcomp {

/// What a child may use.
struct Limits {
  unsigned CpuMilliseconds = 20000;  ///< Until the next restartClock.
  uint64_t MemoryBytes = 4ull << 30; ///< On top of what the parent has.
};

/// The order is that of the C ABI.
enum class ChildEnd { Completed, Crashed, TimedOut, OutOfMemory, Refused, TookOver };

/// The writing end of the pipe to the parent. A message that its sender did
/// not finish is not received.
class Channel {
public:
  explicit Channel(int Fd) : Fd(Fd) {}
  void send(llvm::StringRef Message) const;

private:
  int Fd;
};

/// Runs \p Body in a child and waits for it. Returns the child's messages in
/// order; \p End says how it ended. If \p Body returns true, the child returns
/// from here in the parent's place with TookOver, free of limits, and the parent
/// waits and exits with its status; it goes on itself only if the child dies.
llvm::Expected<std::vector<std::string>> runGuarded(llvm::Module &M, const Limits &L, ChildEnd &End,
                                                    llvm::function_ref<bool(const Channel &)> Body);

/// Whether a child can take over: remarks that go to a file cannot be silenced
/// for a while.
bool canTakeOver(const llvm::Module &M);

/// Whether this child has, or may have, had anything to tell the user that nobody heard.
bool hasReported();

/// In a child: it may use so much CPU time from now on.
void restartClock(unsigned CpuMilliseconds);

} // namespace mlcomp

#endif
