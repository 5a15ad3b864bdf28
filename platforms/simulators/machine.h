//===- machine.h - the memory map, the end of a run and its report ---------===//
//
// The same small machine for the RTL of a core and for the fast simulator: RAM
// with the program's image, and registers that end a run, print a character or
// mark the borders of what is counted. Addresses and codes are those of
// runtime/riscv/machine.inc.
//
//===----------------------------------------------------------------------===//

#ifndef MLCOMP_PLATFORMS_MACHINE_H
#define MLCOMP_PLATFORMS_MACHINE_H

#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

constexpr uint32_t RamBase = 0x40000000, RamSize = 4u << 20;
constexpr uint32_t ImageBase = RamBase + 0x10000; // below it the stack
constexpr uint32_t RegisterBase = 0x20000000;
enum Register : uint32_t { Exit = 0, Console = 4, Mark = 8, FaultCause = 12, FaultPc = 16, FaultValue = 20 };
enum MarkCode : uint32_t { MainBegin = 1, MainEnd = 2, RegionBegin = 3, RegionEnd = 4 };

constexpr unsigned MaxCounters = 32;
using Counts = std::array<uint64_t, MaxCounters>;

struct Machine {
  std::vector<uint8_t> Ram = std::vector<uint8_t>(RamSize + 2); // 4 bytes can be read at the last half
  uint64_t CycleLimit = ~0ull;
  size_t OutputLimit = 1 << 20;

  bool Running = true;
  const char *End = "limit";
  uint32_t Code = 0, Cause = 0, Pc = 0, Value = 0;
  std::string Output;
  Counts MainTotal{}, MainStart{}, RegionTotal{}, RegionStart{};
  bool InMain = false, InRegion = false, HadRegion = false;

  bool inRam(uint32_t Address) const { return Address - RamBase < RamSize; }
  uint8_t *at(uint32_t Address) { return &Ram[Address - RamBase]; }

  void stop(const char *Why) {
    if (Running)
      End = Why;
    Running = false;
  }
  void fault(uint32_t TheCause, uint32_t ThePc, uint32_t TheValue) {
    if (!Running)
      return;
    Cause = TheCause, Pc = ThePc, Value = TheValue;
    stop("fault");
  }
  /// A store to a register of the machine; \p Now gives the counters.
  template <typename Sample> void store(uint32_t Address, uint32_t Data, Sample Now) {
    switch (Address - RegisterBase) {
    case Exit:
      Code = Data;
      return stop("exit");
    case Console:
      if (Output.size() == OutputLimit)
        return stop("output");
      Output += char(Data);
      return;
    case Mark:
      return mark(Data, Now());
    case FaultCause:
      Cause = Data;
      return;
    case FaultPc:
      Pc = Data;
      return;
    case FaultValue:
      Value = Data;
      return stop("fault");
    default:
      return fault(7, 0, Address);
    }
  }

  bool load(const char *Image) {
    FILE *F = fopen(Image, "rb");
    if (!F)
      return false;
    size_t Room = RamBase + RamSize - ImageBase;
    size_t N = fread(at(ImageBase), 1, Room, F);
    bool Fits = N < Room || fgetc(F) == EOF;
    fclose(F);
    return Fits;
  }

  /// Writes the report to \p File, one line of JSON, and behind it what the
  /// program printed.
  int report(const char *const *Names, unsigned Count, const char *File) const {
    FILE *F = fopen(File, "wb");
    if (!F)
      return 1;
    fprintf(F,
            "{\"end\": \"%s\", \"code\": %" PRIu32 ", \"cause\": %" PRIu32 ", \"pc\": %" PRIu32
            ", \"value\": %" PRIu32 ", \"main\": ",
            End, Code, Cause, Pc, Value);
    print(F, Names, Count, MainTotal);
    if (HadRegion) {
      fprintf(F, ", \"region\": ");
      print(F, Names, Count, RegionTotal);
    }
    fprintf(F, "}\n");
    fwrite(Output.data(), 1, Output.size(), F);
    return fclose(F) ? 1 : 0;
  }

  /// What was open when the run ended is counted up to there.
  template <typename Sample> void finish(Sample Now) {
    mark(RegionEnd, Now());
    mark(MainEnd, Now());
  }

private:
  void mark(uint32_t What, const Counts &Now) {
    bool IsMain = What == MainBegin || What == MainEnd, Begins = What == MainBegin || What == RegionBegin;
    bool &Open = IsMain ? InMain : InRegion;
    Counts &Start = IsMain ? MainStart : RegionStart, &Total = IsMain ? MainTotal : RegionTotal;
    if (Begins == Open)
      return;
    Open = Begins;
    HadRegion |= !IsMain;
    if (Begins)
      Start = Now;
    else
      for (unsigned I = 0; I != MaxCounters; ++I)
        Total[I] += Now[I] - Start[I];
  }

  static void print(FILE *F, const char *const *Names, unsigned Count, const Counts &C) {
    for (unsigned I = 0; I != Count; ++I)
      fprintf(F, "%s\"%s\": %" PRIu64, I ? ", " : "{", Names[I], C[I]);
    fprintf(F, "}");
  }
};

/// SIMULATOR IMAGE REPORT CYCLES OUTPUT-BYTES
inline bool readArguments(int Count, char **Arguments, Machine &M) {
  if (Count != 5) {
    fprintf(stderr, "usage: %s IMAGE REPORT CYCLES OUTPUT-BYTES\n", Arguments[0]);
    return false;
  }
  M.CycleLimit = strtoull(Arguments[3], nullptr, 10);
  M.OutputLimit = strtoull(Arguments[4], nullptr, 10);
  if (!M.load(Arguments[1])) {
    fprintf(stderr, "%s: cannot be read or does not fit in memory\n", Arguments[1]);
    return false;
  }
  return true;
}

#endif
