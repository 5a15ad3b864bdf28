#ifndef MLCOMP_TEXT_H
#define MLCOMP_TEXT_H

#include "DriverTables.h"
#include <string>

namespace mlcomp {

inline bool startsWith(std::string_view Text, std::string_view Start) {
  return Text.substr(0, Start.size()) == Start;
}

inline bool endsWith(std::string_view Text, std::string_view End) {
  return Text.size() >= End.size() && Text.substr(Text.size() - End.size()) == End;
}

template <size_t N> bool startsWithAny(std::string_view Text, const std::string_view (&Starts)[N]) {
  for (std::string_view Start : Starts)
    if (startsWith(Text, Start))
      return true;
  return false;
}

template <size_t N> bool contains(const std::string_view (&Texts)[N], std::string_view Text) {
  for (std::string_view Candidate : Texts)
    if (Candidate == Text)
      return true;
  return false;
}

/// What a text is paired with, or nothing.
template <size_t N> std::string_view lookUp(const Pair (&Pairs)[N], std::string_view Text) {
  for (const Pair &P : Pairs)
    if (P.First == Text)
      return P.Second;
  return {};
}

/// ASCII only, as all names of architectures are.
inline std::string lower(std::string Text) {
  for (char &C : Text)
    if (C >= 'A' && C <= 'Z')
      C += 'a' - 'A';
  return Text;
}

} // namespace mlcomp

#endif
