#include "Guard.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LLVMRemarkStreamer.h"
#include "llvm/IR/Module.h"
#include "llvm/Remarks/RemarkStreamer.h"
#include "llvm/Support/ErrorHandling.h"
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;

namespace mlcomp {

static constexpr int ExitFailed = 71;
static constexpr int ExitOutOfMemory = 72;

namespace {

/// Swallows diagnostics: the candidate that is chosen reports them again when
/// the compiler itself runs it. An error makes the child worthless.
struct QuietHandler : DiagnosticHandler {
  bool handleDiagnostics(const DiagnosticInfo &DI) override {
    if (DI.getSeverity() == DS_Error)
      _exit(ExitFailed);
    return true;
  }
  bool isAnalysisRemarkEnabled(StringRef) const override { return false; }
  bool isMissedOptRemarkEnabled(StringRef) const override { return false; }
  bool isPassedOptRemarkEnabled(StringRef) const override { return false; }
  bool isAnyRemarkEnabled() const override { return false; }
};

} // namespace

void Channel::send(StringRef Message) const {
  uint32_t Length = Message.size();
  std::string Packet(reinterpret_cast<const char *>(&Length), sizeof Length);
  Packet += Message;
  for (size_t Done = 0; Done != Packet.size();) {
    ssize_t N = write(Fd, Packet.data() + Done, Packet.size() - Done);
    if (N > 0)
      Done += N;
    else if (N < 0 && errno != EINTR)
      _exit(ExitFailed); // nobody listens any more
  }
}

void restartClock(unsigned CpuMilliseconds) {
  itimerval Timer{};
  Timer.it_value.tv_sec = CpuMilliseconds / 1000;
  Timer.it_value.tv_usec = (CpuMilliseconds % 1000) * 1000;
  setitimer(ITIMER_PROF, &Timer, nullptr);
}

static uint64_t mappedBytes() {
  uint64_t Pages = 0;
  if (FILE *Statm = fopen("/proc/self/statm", "r")) {
    if (fscanf(Statm, "%lu", &Pages) != 1)
      Pages = 0;
    fclose(Statm);
  }
  return Pages * sysconf(_SC_PAGESIZE);
}

/// Cuts the child loose from what it shares with its parent.
static void becomeChild(const Limits &L, pid_t Parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != Parent)
    _exit(ExitFailed);
  for (int S : {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGPROF, SIGXCPU})
    signal(S, SIG_DFL);
  sigset_t None;
  sigemptyset(&None);
  sigprocmask(SIG_SETMASK, &None, nullptr);
  rlimit NoCore{0, 0};
  setrlimit(RLIMIT_CORE, &NoCore);
  if (uint64_t Mapped = L.MemoryBytes ? mappedBytes() : 0) {
    rlimit Memory{Mapped + L.MemoryBytes, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &Memory);
  }
  restartClock(L.CpuMilliseconds);
  if (int Null = open("/dev/null", O_RDWR | O_CLOEXEC); Null >= 0) {
    dup2(Null, STDIN_FILENO);
    dup2(Null, STDOUT_FILENO);
    dup2(Null, STDERR_FILENO);
  }
  // clang's handlers would remove the parent's output file.
  remove_fatal_error_handler();
  install_fatal_error_handler([](void *, const char *, bool) { _exit(ExitFailed); });
  remove_bad_alloc_error_handler();
  install_bad_alloc_error_handler([](void *, const char *, bool) { _exit(ExitOutOfMemory); });
}

static void silence(LLVMContext &Context) {
  Context.setLLVMRemarkStreamer(nullptr);
  Context.setMainRemarkStreamer(nullptr);
  Context.setDiagnosticHandler(std::make_unique<QuietHandler>());
}

static ChildEnd endOf(int Status) {
  if (WIFEXITED(Status) && WEXITSTATUS(Status) == 0)
    return ChildEnd::Completed;
  if (WIFEXITED(Status) && WEXITSTATUS(Status) == ExitOutOfMemory)
    return ChildEnd::OutOfMemory;
  if (WIFSIGNALED(Status) && WTERMSIG(Status) == SIGPROF)
    return ChildEnd::TimedOut;
  return ChildEnd::Crashed;
}

static ChildEnd waitFor(pid_t Pid) {
  int Status = 0;
  while (waitpid(Pid, &Status, 0) < 0)
    if (errno != EINTR)
      return ChildEnd::Crashed;
  return endOf(Status);
}

Expected<std::vector<std::string>> runGuarded(Module &M, const Limits &L, ChildEnd &End,
                                              function_ref<void(const Channel &)> Body) {
  int Pipe[2];
  if (pipe2(Pipe, O_CLOEXEC) != 0)
    return errorCodeToError(std::error_code(errno, std::generic_category()));
  pid_t Parent = getpid(), Pid = fork();
  if (Pid < 0) {
    int Code = errno;
    close(Pipe[0]);
    close(Pipe[1]);
    return errorCodeToError(std::error_code(Code, std::generic_category()));
  }
  if (Pid == 0) {
    close(Pipe[0]);
    becomeChild(L, Parent);
    silence(M.getContext());
    Body(Channel(Pipe[1]));
    _exit(0);
  }
  close(Pipe[1]);
  std::string Received;
  char Buffer[8192];
  for (;;) {
    ssize_t N = read(Pipe[0], Buffer, sizeof Buffer);
    if (N > 0)
      Received.append(Buffer, N);
    else if (N == 0 || errno != EINTR)
      break;
  }
  close(Pipe[0]);
  End = waitFor(Pid);
  std::vector<std::string> Messages;
  for (size_t At = 0; At + 4 <= Received.size();) {
    uint32_t Length;
    memcpy(&Length, Received.data() + At, sizeof Length);
    if (At + 4 + Length > Received.size())
      break;
    Messages.push_back(Received.substr(At + 4, Length));
    At += 4 + Length;
  }
  return Messages;
}

} // namespace mlcomp
