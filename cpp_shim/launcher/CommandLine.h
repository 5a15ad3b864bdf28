#ifndef MLCOMP_COMMANDLINE_H
#define MLCOMP_COMMANDLINE_H

#include <optional>
#include <string>
#include <vector>

namespace mlcomp {

/// What a command line asks for: driver/arguments.py's Request, as far as the launcher understands it.
struct Request {
  std::vector<std::string> Arguments; ///< For clang: without ours.
  int LevelAt = -1;                   ///< Where the level of the objective goes.
  std::string Objective;              ///< Empty if no -O=ml... is in force.
  std::string Effort, Policy;         ///< What our own options say.
  std::string Target, CPU, Architecture, InstructionSet, Width, LTO;
  bool HasInput = false, HasCode = false, StopsEarly = false, SkipsLink = false, KeepsFrames = false;

  bool optimises() const { return HasCode && !StopsEarly; }

  /// Whether the linker optimises the whole program at the end.
  bool linksWithLTO() const;
};

/// Reads the words of a command line. \p Everywhere is an -O=ml... that stands in for clang's own levels.
/// Nothing if there is something that driver/mlcc.py must see.
std::optional<Request> parse(const std::vector<std::string> &Words, const std::string &Everywhere);

/// The triple in a program name such as `riscv32-unknown-elf-clang-19`, or nothing.
std::string crossTarget(const std::string &Program);

/// The architecture of a request that the program \p Clang carries out, as policies call it.
std::string architecture(const Request &R, const std::string &Clang);

} // namespace mlcomp

#endif
