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
static constexpr int ExitRefused = 73; // code generation reports an error

static bool Reported = false;

bool hasReported() { return Reported; }

namespace {

/// Swallows diagnostics: the candidate that is chosen reports them again when
/// the compiler itself runs it. An error makes the child worthless.
struct QuietHandler : DiagnosticHandler {
  bool handleDiagnostics(const DiagnosticInfo &DI) override {
    if (DI.getSeverity() == DS_Error)
      _exit(ExitRefused);
    Reported |= DI.getSeverity() != DS_Remark;
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

/// Lowers a soft limit, and returns what it was.
static rlimit lowerLimit(__rlimit_resource Resource, rlim_t Value) {
  rlimit Old{RLIM_INFINITY, RLIM_INFINITY};
  getrlimit(Resource, &Old);
  rlimit New{std::min(Value, Old.rlim_max), Old.rlim_max};
  setrlimit(Resource, &New);
  return Old;
}

namespace {

/// A child cut loose from what it shares with its parent, and tied to it again
/// if it takes over.
class Isolation {
public:
  Isolation(const Limits &L, pid_t Parent, LLVMContext &Context) : Context(Context) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != Parent)
      _exit(ExitFailed);
    for (size_t I = 0; I != std::size(Signals); ++I) {
      struct sigaction Default{};
      Default.sa_handler = SIG_DFL;
      sigaction(Signals[I], &Default, &Actions[I]);
    }
    sigset_t None;
    sigemptyset(&None);
    sigprocmask(SIG_SETMASK, &None, &Mask);
    Core = lowerLimit(RLIMIT_CORE, 0);
    uint64_t Mapped = L.MemoryBytes ? mappedBytes() : 0;
    Memory = lowerLimit(RLIMIT_AS, Mapped ? Mapped + L.MemoryBytes : RLIM_INFINITY);
    restartClock(L.CpuMilliseconds);
    if (int Null = open("/dev/null", O_RDWR | O_CLOEXEC); Null >= 0)
      for (int Fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        Streams[Fd] = fcntl(Fd, F_DUPFD_CLOEXEC, 3);
        dup2(Null, Fd);
      }
    // clang's handlers would remove the parent's output file.
    remove_fatal_error_handler();
    install_fatal_error_handler([](void *, const char *, bool) { _exit(ExitFailed); });
    remove_bad_alloc_error_handler();
    install_bad_alloc_error_handler([](void *, const char *, bool) { _exit(ExitOutOfMemory); });
    if (!canTakeOver(Context)) {
      Context.setLLVMRemarkStreamer(nullptr);
      Context.setMainRemarkStreamer(nullptr);
    }
    Handler = Context.getDiagnosticHandler();
    Reported = Handler && Handler->isAnyRemarkEnabled();
    Context.setDiagnosticHandler(std::make_unique<QuietHandler>());
  }

  /// All as it was, but for the handlers of fatal errors, which cannot be asked
  /// for: the caller installs its own again.
  void lift() {
    Context.setDiagnosticHandler(std::move(Handler));
    remove_fatal_error_handler();
    remove_bad_alloc_error_handler();
    for (int Fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      if (Streams[Fd] < 0)
        close(Fd);
      else {
        dup2(Streams[Fd], Fd);
        close(Streams[Fd]);
      }
    }
    restartClock(0);
    setrlimit(RLIMIT_AS, &Memory);
    setrlimit(RLIMIT_CORE, &Core);
    for (size_t I = 0; I != std::size(Signals); ++I)
      sigaction(Signals[I], &Actions[I], nullptr);
    sigprocmask(SIG_SETMASK, &Mask, nullptr);
  }

  static bool canTakeOver(LLVMContext &Context) {
    return !Context.getLLVMRemarkStreamer() && !Context.getMainRemarkStreamer();
  }

private:
  static constexpr int Signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGPROF, SIGXCPU};
  struct sigaction Actions[std::size(Signals)];
  sigset_t Mask;
  rlimit Core, Memory;
  int Streams[3];
  LLVMContext &Context;
  std::unique_ptr<DiagnosticHandler> Handler;
};

} // namespace

bool canTakeOver(const Module &M) { return Isolation::canTakeOver(M.getContext()); }

static ChildEnd endOf(int Status) {
  if (WIFEXITED(Status) && WEXITSTATUS(Status) == 0)
    return ChildEnd::Completed;
  if (WIFEXITED(Status) && WEXITSTATUS(Status) == ExitRefused)
    return ChildEnd::Refused;
  if (WIFEXITED(Status) && WEXITSTATUS(Status) == ExitOutOfMemory)
    return ChildEnd::OutOfMemory;
  if (WIFSIGNALED(Status) && WTERMSIG(Status) == SIGPROF)
    return ChildEnd::TimedOut;
  return ChildEnd::Crashed;
}

/// The status of the child's end; that of a crash if it cannot be known.
static int waitFor(pid_t Pid) {
  int Status = 0;
  while (waitpid(Pid, &Status, 0) < 0)
    if (errno != EINTR)
      return SIGKILL;
  return Status;
}

/// The last message of a child that goes on as the compiler.
static constexpr StringRef TakeOver = "mlcomp: the child takes over";

Expected<std::vector<std::string>> runGuarded(Module &M, const Limits &L, ChildEnd &End,
                                              function_ref<bool(const Channel &)> Body) {
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
    Isolation Child(L, Parent, M.getContext());
    Channel Out(Pipe[1]);
    if (!Body(Out))
      _exit(0);
    Out.send(TakeOver);
    close(Pipe[1]);
    Child.lift();
    End = ChildEnd::TookOver;
    return std::vector<std::string>();
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
  int Status = waitFor(Pid);
  End = endOf(Status);
  std::vector<std::string> Messages;
  for (size_t At = 0; At + 4 <= Received.size();) {
    uint32_t Length;
    memcpy(&Length, Received.data() + At, sizeof Length);
    if (At + 4 + Length > Received.size())
      break;
    Messages.push_back(Received.substr(At + 4, Length));
    At += 4 + Length;
  }
  if (!Messages.empty() && Messages.back() == TakeOver) {
    if (WIFEXITED(Status))
      _exit(WEXITSTATUS(Status)); // what is buffered was written by the child
    return createStringError(inconvertibleErrorCode(), "the compiler crashed with the policy's choice");
  }
  return Messages;
}

} // namespace mlcomp
