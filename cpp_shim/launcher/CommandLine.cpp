#include "CommandLine.h"
#include "Text.h"
#include <algorithm>
#include <sys/utsname.h>

using std::string;
using std::string_view;

namespace mlcomp {

namespace {

/// Stands for an -O=ml... until its level is known; no argument can have this character.
const string Place(1, '\0');

struct Match {
  const Option *Found = nullptr;
  string Value; ///< What is joined to the name.
  unsigned Count = 0;
};

} // namespace

static const Option *find(string_view Name) {
  const Option *At =
      std::lower_bound(std::begin(Options), std::end(Options), Name,
                       [](const Option &Entry, string_view Text) { return Entry.Name < Text; });
  return At != std::end(Options) && At->Name == Name ? At : nullptr;
}

static Match match(const string &Text) {
  const Option *Entry = find(Text);
  if (Entry && Entry->Written != Form::Joined)
    return {Entry, "", Entry->Values};
  size_t Equals = Text.find('=');
  string_view Head = string_view(Text).substr(0, Equals == string::npos ? 0 : Equals + 1);
  for (string_view Name : {Head, string_view(Text).substr(0, 2)}) {
    Entry = find(Name);
    if (Entry && (Entry->Written == Form::Joined || Entry->Written == Form::Either))
      return {Entry, Text.substr(Name.size()), 0};
  }
  for (const Option &Prefix : Options)
    if (Prefix.Written == Form::Prefix && startsWith(Text, Prefix.Name))
      return {&Prefix, "", 1};
  return {};
}

static void note(Request &R, const Option &Entry, const string &Value) {
  string Name(Entry.Name);
  switch (Entry.Means) {
  case Meaning::Nothing:
  case Meaning::Language:
  case Meaning::Linker:
    break;
  case Meaning::Level:
    R.Objective.clear();
    break;
  case Meaning::Target:
    R.Target = Value;
    break;
  case Meaning::Cpu:
    R.CPU = Value;
    break;
  case Meaning::Architecture:
    R.Architecture = Value;
    break;
  case Meaning::InstructionSet:
    R.InstructionSet = Name;
    break;
  case Meaning::Width:
    R.Width = Name;
    break;
  case Meaning::Lto:
    R.LTO = Value.empty() ? Name : Value;
    break;
  case Meaning::FramePointers:
    R.KeepsFrames = Name != "-fomit-frame-pointer";
    break;
  case Meaning::NoCode:
    R.StopsEarly = true;
    break;
  case Meaning::NoLink:
    R.SkipsLink = true;
    break;
  }
}

static string language(const Option &Entry, const string &Value) {
  if (startsWith(Entry.Name, "-Obj"))
    return "objective-c";
  return Value == "none" ? "" : Value;
}

static bool isCode(const string &Path, const string &Language) {
  if (!Language.empty())
    return contains(CodeLanguages, Language);
  string Name = Path.substr(Path.rfind('/') + 1);
  size_t Dot = Name.rfind('.');
  return Dot != string::npos && Dot > 0 && contains(CodeExtensions, Name.substr(Dot + 1));
}

/// Takes an option of ours; false if it is for driver/mlcc.py.
static bool readOwn(Request &R, const string &Text) {
  size_t Equals = Text.find('=');
  if (Equals == string::npos || Equals + 1 == Text.size())
    return false;
  string Name = Text.substr(0, Equals), Value = Text.substr(Equals + 1);
  if (Name == "--ml-effort")
    R.Effort = Value;
  else if (Name == "--ml-policy")
    R.Policy = Value;
  else
    return false;
  return true;
}

/// Takes out the places of the -O=ml... that a later level replaced.
static void dropOverriddenLevels(Request &R) {
  int Kept = R.Objective.empty() ? -1 : R.LevelAt;
  std::vector<string> Arguments;
  for (size_t I = 0; I != R.Arguments.size(); ++I) {
    if (R.Arguments[I] == Place && static_cast<int>(I) != Kept)
      continue;
    if (static_cast<int>(I) == Kept)
      R.LevelAt = Arguments.size();
    Arguments.push_back(R.Arguments[I]);
  }
  R.Arguments = Arguments;
}

bool Request::linksWithLTO() const {
  bool Full = LTO == "-flto" || LTO == "full" || LTO == "auto" || LTO == "jobserver";
  return Full && HasInput && !StopsEarly && !SkipsLink;
}

std::optional<Request> parse(const std::vector<string> &Words, const string &Everywhere) {
  Request R;
  string Language;
  bool RestIsInput = false;
  for (size_t At = 0; At < Words.size();) {
    size_t Start = At;
    const string &Text = Words[At++];
    if (RestIsInput || Text.empty() || Text[0] != '-' || Text == "-") {
      R.HasInput = true;
      R.HasCode |= isCode(Text, Language);
    } else if (Text == "--") {
      RestIsInput = true;
    } else if (startsWith(Text, "--ml-")) {
      if (!readOwn(R, Text))
        return std::nullopt;
      continue;
    } else if (startsWith(Text, "-Oml")) {
      return std::nullopt;
    } else if (startsWith(Text, "-O=ml") || (!Everywhere.empty() && contains(OptimisingLevels, Text))) {
      string_view Objective = lookUp(Objectives, (startsWith(Text, "-O=ml") ? Text : Everywhere).substr(3));
      if (Objective.empty())
        return std::nullopt;
      R.Objective = Objective;
      R.LevelAt = R.Arguments.size();
      R.Arguments.push_back(Place);
      continue;
    } else if (Match M = match(Text); M.Found) {
      if (M.Count) {
        M.Value = At < Words.size() ? Words[At] : "";
        At = std::min(At + M.Count, Words.size());
      }
      if (M.Found->Means == Meaning::Language)
        Language = language(*M.Found, M.Value);
      note(R, *M.Found, M.Value);
    }
    R.Arguments.insert(R.Arguments.end(), Words.begin() + Start, Words.begin() + At);
  }
  dropOverriddenLevels(R);
  return R;
}

string crossTarget(const string &Program) {
  string Name = Program.substr(Program.rfind('/') + 1);
  size_t Clang = Name.rfind("-clang"), Own = Name.rfind("-mlcc");
  size_t End = Clang == string::npos ? Own : Own == string::npos ? Clang : std::max(Clang, Own);
  string Triple = Name.substr(0, End == string::npos ? 0 : End);
  return startsWithAny(Triple, CrossPrefixes) && Triple.find('-') != string::npos ? Triple : "";
}

/// Whether `armv7e-m`, `armv8m.main`, `thumbv6m` and the like name an architecture for microcontrollers.
static bool isMProfile(string Name) {
  if (startsWith(Name, "thumb"))
    Name.erase(0, 5);
  if (startsWith(Name, "arm"))
    Name.erase(0, 3);
  Name = Name.substr(0, Name.find('+'));
  return startsWith(Name, "v") && Name.find('m') != string::npos;
}

static bool isThumb(const string &Arch, const Request &R) {
  if (!R.CPU.empty()) {
    if (startsWithAny(lower(R.CPU), MicrocontrollerCores))
      return true;
  } else if (isMProfile(R.Architecture.empty() ? Arch : lower(R.Architecture))) {
    return true;
  }
  return R.InstructionSet.empty() ? startsWith(Arch, "thumb") : R.InstructionSet == "-mthumb";
}

string architecture(const Request &R, const string &Clang) {
  string Triple = R.Target.empty() ? crossTarget(Clang) : R.Target;
  utsname Machine;
  if (Triple.empty() && uname(&Machine) == 0)
    Triple = Machine.machine;
  string Arch = lower(Triple.substr(0, Triple.find('-')));
  if (string_view Usual = lookUp(ArchitectureAliases, Arch); !Usual.empty())
    Arch = Usual;
  if (!R.Width.empty())
    if (string_view Other = R.Width == "-m64" ? lookUp(Wide, Arch) : lookUp(Narrow, Arch); !Other.empty())
      Arch = Other;
  if (string Start = lower(R.Architecture.substr(0, 4));
      startsWith(Arch, "riscv") && (Start == "rv32" || Start == "rv64"))
    Arch = "riscv" + Start.substr(2);
  if (startsWith(Arch, "arm") || startsWith(Arch, "thumb"))
    return isThumb(Arch, R) ? "thumb" : "arm";
  return Arch;
}

} // namespace mlcomp
