// The programs mlcc and mlcc++. They carry out usual command lines as driver/mlcc.py does, without the 10 ms
// that starting Python costs. Whatever is unusual (a question, a message, a file to unpack, a whole program
// to optimise) is for the Python driver, which they execute: they never print anything themselves. A test
// compares both.

#include "CommandLine.h"
#include "Text.h"
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlcomp;
using std::string;
using std::string_view;

namespace {

using Words = std::vector<string>;

struct Clang {
  string Path;
  Words First; ///< Arguments that must come first.
};

} // namespace

static string environment(const char *Name) {
  const char *Value = getenv(Name);
  return Value ? Value : "";
}

static bool isFile(const string &Path) {
  struct stat Status;
  return stat(Path.c_str(), &Status) == 0 && S_ISREG(Status.st_mode);
}

static bool isProgram(const string &Path) {
  struct stat Status;
  return access(Path.c_str(), X_OK) == 0 && stat(Path.c_str(), &Status) == 0 && !S_ISDIR(Status.st_mode);
}

static string realPath(const string &Path) {
  char Buffer[PATH_MAX];
  return realpath(Path.c_str(), Buffer) ? Buffer : Path;
}

static string folderOf(const string &Path) { return Path.substr(0, Path.rfind('/')); }

/// The first program of that name in PATH other than \p Own; empty if there is none.
static string search(const string &Name, const string &Own) {
  string Path = getenv("PATH") ? getenv("PATH") : "/bin:/usr/bin";
  for (size_t Begin = 0; Begin <= Path.size();) {
    size_t End = std::min(Path.find(':', Begin), Path.size());
    string Folder = Path.substr(Begin, End - Begin);
    if (!Folder.empty() && Folder.back() != '/')
      Folder += '/';
    if (string Candidate = Folder + Name; isProgram(Candidate) && realPath(Candidate) != Own)
      return Candidate;
    Begin = End + 1;
  }
  return "";
}

/// toolchain.find_clang, where it does not have to ask clang for its version.
static std::optional<Clang> findClang(bool CXX, const string &Own) {
  if (string Setting = environment("MLCC_CLANG"); !Setting.empty()) {
    string Path = Setting.find('/') != string::npos ? Setting : search(Setting, Own);
    if (Path.empty() || !isProgram(Path))
      return std::nullopt;
    string Name = Path.substr(Path.rfind('/') + 1);
    if (!CXX || Name.find("clang++") != string::npos)
      return Clang{Path, {}};
    size_t At = Name.find("clang");
    string Sibling = Path;
    if (At != string::npos)
      Sibling.replace(Path.size() - Name.size() + At, 5, "clang++");
    if (Name != "clang" && isProgram(Sibling))
      return Clang{Sibling, {}};
    return Clang{Path, {"--driver-mode=g++"}};
  }
  string Version = "-" + std::to_string(LLVMMajor);
  if (string Path = CXX ? search("clang++" + Version, Own) : ""; !Path.empty())
    return Clang{Path, {}};
  if (string Path = search("clang" + Version, Own); !Path.empty())
    return Clang{Path, CXX ? Words{"--driver-mode=g++"} : Words()};
  return std::nullopt;
}

/// What follows the last hyphen, if that is a number.
static string trailingNumber(const string &Name) {
  string Number = Name.substr(Name.rfind('-') + 1);
  return Number.find_first_not_of("0123456789") == string::npos ? Number : "";
}

/// Whether names say that a clang is of our version.
static bool isOurVersion(const string &Path) {
  string Version = std::to_string(LLVMMajor), Name = Path.substr(Path.rfind('/') + 1);
  if (string Number = trailingNumber(Name); Name.find("clang") != string::npos && !Number.empty())
    return Number == Version;
  string Real = realPath(Path);
  for (size_t Begin = 0; Begin < Real.size();) {
    size_t End = std::min(Real.find('/', Begin), Real.size());
    string Part = Real.substr(Begin, End - Begin), Number = trailingNumber(Part);
    if ((startsWith(Part, "llvm-") || startsWith(Part, "clang-")) && !Number.empty())
      return Number == Version;
    Begin = End + 1;
  }
  return false;
}

/// Whether Python is told of a package elsewhere.
static bool hasOtherPackage() {
  string Path = environment("PYTHONPATH");
  for (size_t Begin = 0; Begin < Path.size();) {
    size_t End = std::min(Path.find(':', Begin), Path.size());
    if (isFile(Path.substr(Begin, End - Begin) + "/mlcomp/driver/mlcc.py"))
      return true;
    Begin = End + 1;
  }
  return false;
}

/// The Python package beside this program; empty unless there is exactly one.
static string findPackage(const string &Own) {
  if (hasOtherPackage())
    return "";
  string Found;
  for (const char *Libraries : {"lib", "lib64"})
    for (const char *Packages : {"site-packages", "dist-packages"}) {
      string Pattern = folderOf(folderOf(Own)) + "/" + Libraries + "/python3*/" + Packages +
                       "/mlcomp/lib/mlcomp-plugin.so";
      glob_t Matches;
      if (glob(Pattern.c_str(), 0, nullptr, &Matches) == 0)
        for (size_t I = 0; I != Matches.gl_pathc; ++I) {
          string Package = folderOf(folderOf(Matches.gl_pathv[I]));
          if (!Found.empty() && realPath(Found) != realPath(Package))
            return "";
          Found = Found.empty() ? Package : Found;
        }
      globfree(&Matches);
    }
  return Found;
}

static bool isPolicy(const string &Folder) { return isFile(Folder + "/manifest.json"); }

/// The folder of the policy for a request, and the level that clang gets; an empty folder is for
/// driver/mlcc.py.
static string choosePolicy(const Request &R, const string &Clang, const string &Package, string &Objective) {
  string Shipped = Package + "/policies/";
  string Asked = R.Policy.empty() ? environment("MLCC_POLICY") : R.Policy;
  Objective = R.Objective;
  if (!Asked.empty()) {
    if (Objective == "balanced")
      return "";
    if (isPolicy(Asked))
      return Asked;
    struct stat Status;
    bool IsName = Asked.find('/') == string::npos && stat(Asked.c_str(), &Status) != 0;
    return IsName && isPolicy(Shipped + Asked) ? Shipped + Asked : "";
  }
  string Start = Shipped + architecture(R, Clang) + "-";
  if (isPolicy(Start + Objective))
    return Start + Objective;
  Objective = "size";
  return R.Objective == "balanced" && isPolicy(Start + Objective) ? Start + Objective : "";
}

/// learned.translate.
static std::optional<Words> translate(const string &Program, const string &Clang, const string &Own,
                                      Words Arguments) {
  string Triple = crossTarget(Program), Everywhere = environment("MLCC_OBJECTIVE");
  if (!Triple.empty())
    Arguments.insert(Arguments.begin(), "--target=" + Triple);
  if (!Everywhere.empty())
    Everywhere = "-O=" + Everywhere;
  std::optional<Request> R = parse(Arguments, Everywhere);
  if (!R || (!Everywhere.empty() && lookUp(Objectives, Everywhere.substr(3)).empty()))
    return std::nullopt;
  string Strict = environment("MLCC_STRICT"), Disable = environment("MLCC_DISABLE");
  for (const string &Switch : {Strict, Disable})
    if (Switch != "" && Switch != "0" && Switch != "1")
      return std::nullopt;
  string Effort = R->Effort.empty() ? environment("MLCC_EFFORT") : R->Effort;
  if (Effort.empty())
    Effort = "1";
  if (Effort.size() != 1 || Effort[0] < '0' || Effort[0] > '3')
    return std::nullopt;
  Words First;
  if (!R->Objective.empty()) {
    string Objective, Package = findPackage(Own);
    string Policy = Package.empty() ? "" : choosePolicy(*R, Clang, Package, Objective);
    if (Policy.empty() || !isOurVersion(Clang) || R->linksWithLTO())
      return std::nullopt;
    R->Arguments[R->LevelAt] = lookUp(Levels, Objective);
    if (R->optimises() && Disable != "1") {
      string Plugin = Package + "/lib/mlcomp-plugin.so";
      First = {"-fpass-plugin=" + Plugin, "-Xclang", "-load", "-Xclang", Plugin};
      const std::pair<const char *, string> Chosen[] = {
          {"policy", Policy},
          {"objective", R->Objective},
          {"effort", Effort},
          {"log", environment("MLCC_LOG")},
          {"strict", Strict == "1" ? "1" : ""},
          {"keep-frame-pointers", R->KeepsFrames ? "1" : ""},
      };
      for (const auto &[Name, Value] : Chosen)
        if (!Value.empty())
          for (const string &Word : {string("-Xclang"), string("-mllvm"), string("-Xclang"),
                                     string("-mlcomp-") + Name + "=" + Value})
            First.push_back(Word);
    }
  }
  if (Disable != "1")
    unsetenv("MLCC_DISABLE"); // to the plugin any value is a yes
  First.insert(First.end(), R->Arguments.begin(), R->Arguments.end());
  return First;
}

/// The command that becomes of a command line; nothing if driver/mlcc.py must see it.
static std::optional<Words> usualCommand(const string &Program, const string &Own, const Words &Arguments) {
  for (char **Variable = environ; *Variable; ++Variable)
    if (string_view Name = string_view(*Variable).substr(0, strcspn(*Variable, "="));
        startsWith(Name, "MLCC_") && !contains(Variables, Name))
      return std::nullopt;
  bool Ours = Program.find("-mlcc") != string::npos || !environment("MLCC_OBJECTIVE").empty();
  bool ForCcache = environment("CCACHE_DISABLE") == "1";
  size_t Length = 0;
  for (const string &Argument : Arguments) {
    if (contains(Questions, Argument.substr(0, Argument.find('='))) || startsWith(Argument, "@") ||
        (ForCcache && Argument == "-E"))
      return std::nullopt;
    Ours |= startsWithAny(Argument, OwnPrefixes);
    Length += Argument.size();
  }
  std::optional<Clang> Compiler = findClang(endsWith(Program, "++") || endsWith(Own, "++"), Own);
  if (!Compiler)
    return std::nullopt;
  std::optional<Words> Translated = Arguments;
  if (Ours)
    Translated = Length < LongCommand ? translate(Program, Compiler->Path, Own, Arguments) : std::nullopt;
  if (!Translated)
    return std::nullopt;
  Words Command{Compiler->Path};
  Command.insert(Command.end(), Compiler->First.begin(), Compiler->First.end());
  Command.insert(Command.end(), Translated->begin(), Translated->end());
  return Command;
}

/// Becomes another program; comes back only if that is impossible.
static void execute(const Words &Command) {
  std::vector<char *> Pointers;
  for (const string &Word : Command)
    Pointers.push_back(const_cast<char *>(Word.c_str()));
  Pointers.push_back(nullptr);
  execv(Pointers[0], Pointers.data());
}

int main(int Count, char **Values) {
  string Program = Count ? Values[0] : "mlcc";
  char Self[PATH_MAX];
  ssize_t Length = readlink("/proc/self/exe", Self, sizeof(Self));
  if (Program.find('/') == string::npos)
    if (string Found = search(Program, ""); !Found.empty())
      Program = Found;
  string Own = Length > 0 ? string(Self, Length) : realPath(Program);
  Words Arguments(Values + (Count > 0), Values + Count);
  if (std::optional<Words> Command = usualCommand(Program, Own, Arguments))
    execute(*Command);
  Arguments.insert(Arguments.begin(), {folderOf(Own) + "/mlcc-driver", Program});
  unsetenv("PYTHONHOME"); // of another Python; that of ours never needs it
  execute(Arguments);
  fprintf(stderr,
          "mlcc: error: cannot execute %s: %s; link to mlcc rather than copying or moving it, or install it "
          "again\n",
          Arguments[0].c_str(), strerror(errno));
  return 1;
}
