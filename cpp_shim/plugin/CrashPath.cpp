#include "CrashPath.h"
#include "Guard.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace mlcomp {

// What a signal handler may touch is prepared beforehand.
static std::vector<char *> *Arguments;
static std::vector<char *> *Environment;
static char Executable[4096];
static bool IsStrict;

static void say(const char *Message) {
  [[maybe_unused]] ssize_t N = write(STDERR_FILENO, Message, strlen(Message));
}

/// Standard input has been read: only a file can be read again.
static bool canReadAgain() {
  for (char *A : *Arguments)
    if (A && strcmp(A, "-") == 0)
      return lseek(STDIN_FILENO, 0, SEEK_SET) == 0;
  return true;
}

[[noreturn]] static void takeCrashPath(const char *Why) {
  restartClock(0);
  say(IsStrict ? "mlcc: error: " : "mlcc: warning: ");
  say(Why);
  llvm::sys::RunInterruptHandlers(); // removes clang's unfinished output
  if (IsStrict) {
    say("\n");
    _exit(70);
  }
  if (!canReadAgain()) {
    say("; standard input cannot be read again, compile without -O=ml\n");
    _exit(70);
  }
  say("; compiling again without the policy\n");
  sigset_t None;
  sigemptyset(&None);
  sigprocmask(SIG_SETMASK, &None, nullptr);
  execve(Executable, Arguments->data(), Environment->data());
  _exit(70);
}

static void onSignal(int Signal) {
  takeCrashPath(Signal == SIGPROF ? "the policy's choice hit the time limit"
                                  : "the compiler crashed with the policy's choice");
}

static void onFatalError(void *, const char *, bool) {
  takeCrashPath("fatal error with the policy's choice");
}

static std::vector<char *> *readArguments() {
  std::string Text;
  if (FILE *F = fopen("/proc/self/cmdline", "rb")) {
    char Buffer[4096];
    while (size_t N = fread(Buffer, 1, sizeof Buffer, F))
      Text.append(Buffer, N);
    fclose(F);
  }
  auto *Result = new std::vector<char *>;
  for (size_t At = 0; At < Text.size(); At += strlen(&Text[At]) + 1)
    Result->push_back(strdup(&Text[At]));
  Result->push_back(nullptr);
  return Result;
}

void installCrashPath(bool Strict) {
  if (Arguments)
    return;
  ssize_t N = readlink("/proc/self/exe", Executable, sizeof Executable - 1);
  if (N <= 0)
    return;
  IsStrict = Strict;
  Environment = new std::vector<char *>;
  for (char **E = environ; *E; ++E)
    Environment->push_back(*E);
  Environment->push_back(strdup((std::string(DisableVariable) + "=1").c_str()));
  Environment->push_back(nullptr);
  Arguments = readArguments();
  struct sigaction Action{};
  Action.sa_handler = onSignal;
  Action.sa_flags = SA_ONSTACK | SA_NODEFER | SA_RESETHAND;
  for (int S : {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGPROF})
    sigaction(S, &Action, nullptr);
  takeFatalErrors();
}

void takeFatalErrors() {
  llvm::remove_fatal_error_handler();
  llvm::install_fatal_error_handler(onFatalError);
}

namespace {

/// Clang's handler, but for errors.
class DoubtfulHandler : public llvm::DiagnosticHandler {
public:
  explicit DoubtfulHandler(std::unique_ptr<llvm::DiagnosticHandler> Own) : Own(std::move(Own)) {}

  bool handleDiagnostics(const llvm::DiagnosticInfo &Info) override {
    if (Info.getSeverity() == llvm::DS_Error) {
      if (IsStrict && Own)
        Own->handleDiagnostics(Info);
      takeCrashPath("error with the policy's choice, which was not measured");
    }
    return Own && Own->handleDiagnostics(Info);
  }
  bool isAnalysisRemarkEnabled(llvm::StringRef Pass) const override {
    return Own && Own->isAnalysisRemarkEnabled(Pass);
  }
  bool isMissedOptRemarkEnabled(llvm::StringRef Pass) const override {
    return Own && Own->isMissedOptRemarkEnabled(Pass);
  }
  bool isPassedOptRemarkEnabled(llvm::StringRef Pass) const override {
    return Own && Own->isPassedOptRemarkEnabled(Pass);
  }
  bool isAnyRemarkEnabled() const override { return Own && Own->isAnyRemarkEnabled(); }

private:
  std::unique_ptr<llvm::DiagnosticHandler> Own;
};

} // namespace

void doubtErrors(llvm::LLVMContext &Context) {
  Context.setDiagnosticHandler(std::make_unique<DoubtfulHandler>(Context.getDiagnosticHandler()));
}

void compileAgain(const std::string &Why) { takeCrashPath(Why.c_str()); }

} // namespace mlcomp
