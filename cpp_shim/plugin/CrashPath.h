//===- CrashPath.h - plain clang instead of a crash ------------------------===//
//
// Where the compiler itself dies with a policy's choice, it is executed again
// in place with the plugin switched off. The build sees clang's own object and
// exit code, and one line of warning.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_PLUGIN_CRASHPATH_H
#define MLCOMP_PLUGIN_CRASHPATH_H

#include <string>

namespace llvm {
class LLVMContext;
}

namespace mlcomp {

/// The environment variable that switches the plugin off.
inline constexpr char DisableVariable[] = "MLCC_DISABLE";

/// Takes over the handling of fatal signals, aborts, fatal errors and the end
/// of the time that restartClock gives.
/// \p Strict: report and exit with 70 instead of executing clang again.
void installCrashPath(bool Strict);

/// The part of it that is LLVM's; to be done again where LLVM has forgotten.
void takeFatalErrors();

/// From here on an error that the compiler reports takes the crash path: with a
/// choice that was not measured it may be the choice's own.
void doubtErrors(llvm::LLVMContext &Context);

/// Takes the crash path by choice, because of \p Why.
[[noreturn]] void compileAgain(const std::string &Why);

} // namespace mlcomp

#endif
