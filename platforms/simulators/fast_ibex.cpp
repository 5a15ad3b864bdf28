//===- fast_ibex.cpp - rv32imc with Ibex's latencies -------------------------===//
//
// Interprets predecoded instructions and adds up what each costs on Ibex with
// two stages, the fast multiplier and single-cycle memory (Ibex reference
// manual, "Pipeline Details"; divisions by zero and accesses that cross a word
// were measured on the RTL). Traps end the run, as they do in start.S.
//
// What depends on an instruction alone is counted from how often each went on
// to the next one; only jumps and taken branches are counted as they happen.
//
//===----------------------------------------------------------------------===//

#include "machine.h"
#include <algorithm>
#include <memory>

namespace {

enum Op : uint8_t {
  Undecoded,
  Illegal,
  Lui,
  Auipc,
  Jal,
  Jalr,
  Beq,
  Bne,
  Blt,
  Bge,
  Bltu,
  Bgeu,
  Lb,
  Lh,
  Lw,
  Lbu,
  Lhu,
  Sb,
  Sh,
  Sw,
  Addi,
  Slti,
  Sltiu,
  Xori,
  Ori,
  Andi,
  Slli,
  Srli,
  Srai,
  Add,
  Sub,
  Sll,
  Slt,
  Sltu,
  Xor,
  Srl,
  Sra,
  Or,
  And,
  Mul,
  Mulh,
  Mulhsu,
  Mulhu,
  Div,
  Divu,
  Rem,
  Remu,
  Fence,
  FenceI,
  Ecall,
  Ebreak,
  Csr,
  OpCount
};

struct Instruction {
  uint8_t Code, Rd, Rs1, Rs2;
  int32_t Imm; ///< For jumps and branches the target, for auipc the result.
  uint8_t Size;
  uint32_t Runs = 0; ///< How often it went on to the next, since the last fold.
};

/// Kinds of instructions, for counting.
enum Kind : uint8_t {
  Additions,
  Logic,
  Shifts,
  Comparisons,
  Constants,
  LowProducts,
  HighProducts,
  Divides,
  ByteLoads,
  HalfLoads,
  ByteStores,
  HalfStores,
  Others,
  KindCount
};

Kind kindOf(uint8_t Code) {
  switch (Code) {
  case Lui:
  case Auipc:
    return Constants;
  case Lb:
  case Lbu:
    return ByteLoads;
  case Lh:
  case Lhu:
    return HalfLoads;
  case Sb:
    return ByteStores;
  case Sh:
    return HalfStores;
  case Addi:
  case Add:
  case Sub:
    return Additions;
  case Slti:
  case Sltiu:
  case Slt:
  case Sltu:
    return Comparisons;
  case Xori:
  case Ori:
  case Andi:
  case Xor:
  case Or:
  case And:
    return Logic;
  case Slli:
  case Srli:
  case Srai:
  case Sll:
  case Srl:
  case Sra:
    return Shifts;
  case Mul:
    return LowProducts;
  case Mulh:
  case Mulhsu:
  case Mulhu:
    return HighProducts;
  case Div:
  case Divu:
  case Rem:
  case Remu:
    return Divides;
  default:
    return Others;
  }
}

bool hasImmediate(uint8_t Code) { return (Code >= Lb && Code <= Lhu) || (Code >= Addi && Code <= Srai); }

// Cycles.
constexpr unsigned Alu = 1, Access = 2, CrossingAccess = 3, Multiply = 3, MultiplyHigh = 4, Divide = 37,
                   DivideByZero = 2, Jump = 2, BranchTaken = 3;

int32_t signedBits(uint32_t Value, unsigned Width) { return int32_t(Value << (32 - Width)) >> (32 - Width); }

Instruction decode32(uint32_t W, uint32_t Pc) {
  uint8_t Rd = W >> 7 & 31, Rs1 = W >> 15 & 31, Rs2 = W >> 20 & 31, F3 = W >> 12 & 7, F7 = W >> 25;
  int32_t I = int32_t(W) >> 20, S = (int32_t(W) >> 25 << 5) | Rd, U = W & 0xfffff000;
  int32_t B = signedBits((W >> 31) << 12 | (W >> 7 & 1) << 11 | (W >> 25 & 63) << 5 | (W >> 8 & 15) << 1, 13);
  int32_t J =
      signedBits((W >> 31) << 20 | (W >> 12 & 255) << 12 | (W >> 20 & 1) << 11 | (W >> 21 & 1023) << 1, 21);
  auto Make = [&](unsigned Code, int32_t Imm) { return Instruction{uint8_t(Code), Rd, Rs1, Rs2, Imm, 4}; };
  const Instruction Bad = Make(Illegal, int32_t(W));
  switch (W & 127) {
  case 0x37:
    return Make(Lui, U);
  case 0x17:
    return Make(Auipc, int32_t(Pc + U));
  case 0x6f:
    return Make(Jal, int32_t(Pc + J));
  case 0x67:
    return F3 ? Bad : Make(Jalr, I);
  case 0x63:
    return F3 == 2 || F3 == 3 ? Bad : Make((F3 < 2 ? Beq + F3 : Blt + F3 - 4), int32_t(Pc + B));
  case 0x03:
    return F3 == 3 || F3 > 5 ? Bad : Make(F3 < 3 ? Lb + F3 : Lbu + F3 - 4, I);
  case 0x23:
    return F3 > 2 ? Bad : Make(Sb + F3, S);
  case 0x13: {
    if (F3 == 1)
      return F7 ? Bad : Make(Slli, Rs2);
    if (F3 == 5)
      return F7 & ~0x20 ? Bad : Make(F7 ? Srai : Srli, Rs2);
    static constexpr uint8_t Codes[] = {Addi, 0, Slti, Sltiu, Xori, 0, Ori, Andi};
    return Make(Codes[F3], I);
  }
  case 0x33: {
    static constexpr uint8_t Plain[] = {Add, Sll, Slt, Sltu, Xor, Srl, Or, And};
    if (F7 == 0)
      return Make(Plain[F3], 0);
    if (F7 == 1)
      return Make(Mul + F3, 0);
    return F7 == 0x20 && F3 == 0 ? Make(Sub, 0) : F7 == 0x20 && F3 == 5 ? Make(Sra, 0) : Bad;
  }
  case 0x0f:
    return F3 == 0 ? Make(Fence, 0) : F3 == 1 ? Make(FenceI, 0) : Bad;
  case 0x73:
    return W == 0x73 ? Make(Ecall, 0) : W == 0x100073 ? Make(Ebreak, 0) : F3 & 3 ? Make(Csr, I & 0xfff) : Bad;
  default:
    return Bad;
  }
}

Instruction decode16(uint32_t H, uint32_t Pc) {
  uint8_t Rd = H >> 7 & 31, Rs2 = H >> 2 & 31, Low = 8 + (H >> 2 & 7), High = 8 + (H >> 7 & 7);
  auto Bit = [H](unsigned From, unsigned To) { return (H >> From & 1) << To; };
  int32_t Imm6 = signedBits(Bit(12, 5) | (H >> 2 & 31), 6);
  uint32_t WordOffset = Bit(6, 2) | (H >> 10 & 7) << 3 | Bit(5, 6);
  auto Make = [&](unsigned Code, uint8_t D, uint8_t A, uint8_t B, int32_t Imm) {
    return Instruction{uint8_t(Code), D, A, B, Imm, 2};
  };
  const Instruction Bad = Make(Illegal, 0, 0, 0, int32_t(H));
  int32_t JumpTarget =
      int32_t(Pc) + signedBits(Bit(12, 11) | Bit(11, 4) | Bit(10, 9) | Bit(9, 8) | Bit(8, 10) | Bit(7, 6) |
                                   Bit(6, 7) | (H >> 3 & 7) << 1 | Bit(2, 5),
                               12);
  int32_t BranchTarget =
      int32_t(Pc) +
      signedBits(Bit(12, 8) | (H >> 10 & 3) << 3 | (H >> 5 & 3) << 6 | (H >> 3 & 3) << 1 | Bit(2, 5), 9);
  switch ((H & 3) << 3 | H >> 13) {
  case 0: {
    uint32_t Imm = (H >> 11 & 3) << 4 | (H >> 7 & 15) << 6 | Bit(6, 2) | Bit(5, 3);
    return Imm ? Make(Addi, Low, 2, 0, int32_t(Imm)) : Bad;
  }
  case 2:
    return Make(Lw, Low, High, 0, int32_t(WordOffset));
  case 6:
    return Make(Sw, 0, High, Low, int32_t(WordOffset));
  case 8:
    return Make(Addi, Rd, Rd, 0, Imm6);
  case 9:
    return Make(Jal, 1, 0, 0, JumpTarget);
  case 10:
    return Make(Addi, Rd, 0, 0, Imm6);
  case 11: {
    if (Rd == 2) {
      int32_t Imm = signedBits(Bit(12, 9) | Bit(6, 4) | Bit(5, 6) | (H >> 3 & 3) << 7 | Bit(2, 5), 10);
      return Imm ? Make(Addi, 2, 2, 0, Imm) : Bad;
    }
    return Imm6 ? Make(Lui, Rd, 0, 0, Imm6 * 4096) : Bad;
  }
  case 12:
    switch (H >> 10 & 3) {
    case 0:
      return H >> 12 & 1 ? Bad : Make(Srli, High, High, 0, Rs2);
    case 1:
      return H >> 12 & 1 ? Bad : Make(Srai, High, High, 0, Rs2);
    case 2:
      return Make(Andi, High, High, 0, Imm6);
    default: {
      static constexpr uint8_t Codes[] = {Sub, Xor, Or, And};
      return H >> 12 & 1 ? Bad : Make(Codes[H >> 5 & 3], High, High, Low, 0);
    }
    }
  case 13:
    return Make(Jal, 0, 0, 0, JumpTarget);
  case 14:
    return Make(Beq, 0, High, 0, BranchTarget);
  case 15:
    return Make(Bne, 0, High, 0, BranchTarget);
  case 16:
    return H >> 12 & 1 ? Bad : Make(Slli, Rd, Rd, 0, Rs2);
  case 18:
    return Rd ? Make(Lw, Rd, 2, 0, int32_t(Bit(12, 5) | (H >> 4 & 7) << 2 | (H >> 2 & 3) << 6)) : Bad;
  case 20:
    if (!(H >> 12 & 1))
      return Rs2 ? Make(Add, Rd, 0, Rs2, 0) : Rd ? Make(Jalr, 0, Rd, 0, 0) : Bad;
    return Rs2 ? Make(Add, Rd, Rd, Rs2, 0) : Rd ? Make(Jalr, 1, Rd, 0, 0) : Make(Ebreak, 0, 0, 0, 0);
  case 22:
    return Make(Sw, 0, 2, Rs2, int32_t((H >> 9 & 15) << 2 | (H >> 7 & 3) << 6));
  default:
    return Bad;
  }
}

class Simulator {
public:
  explicit Simulator(Machine &M) : M(M), Code(RamSize / 2 + 2) {
    // Running off the memory's end is a fault.
    Code[RamSize / 2] = Code[RamSize / 2 + 1] = {Illegal, 0, 0, 0, 0, 2};
  }
  void run();
  Counts now();

private:
  Instruction &fetch(uint32_t Pc) {
    Instruction &I = Code[(Pc - RamBase) >> 1];
    if (I.Code == Undecoded)
      decode(I, Pc);
    return I;
  }
  void decode(Instruction &I, uint32_t Pc);
  void fold();
  /// Bits that differ between an instruction's encoding and the next one's.
  unsigned encodingToggles(const Instruction &I, uint32_t Pc, const Instruction &Next, uint32_t NextPc) {
    return __builtin_popcount(encoding(I, Pc) ^ encoding(Next, NextPc));
  }
  /// The same for the two registers that are read.
  static unsigned registerToggles(const Instruction &I, const Instruction &Next) {
    return __builtin_popcount(unsigned(I.Rs1 ^ Next.Rs1) | unsigned(I.Rs2 ^ Next.Rs2) << 5);
  }
  uint32_t encoding(const Instruction &I, uint32_t Pc) {
    uint32_t Word;
    memcpy(&Word, M.at(Pc), 4);
    return I.Size == 2 ? uint16_t(Word) : Word;
  }
  void forget(uint32_t Address) {
    for (uint32_t At = (Address - RamBase) >> 1, I = At ? At - 1 : 0; I <= At + 1 && I < RamSize / 2; ++I)
      Code[I].Code = Undecoded;
  }
  template <typename T> bool load(uint32_t Address, uint32_t Pc, T &Value);
  template <typename T> void store(uint32_t Address, uint32_t Pc, T Value);

  Machine &M;
  std::vector<Instruction> Code;
  uint32_t X[32] = {};
  uint64_t Cycles = 0, Instructions = 0, Loads = 0, Stores = 0, Branches = 0, Taken = 0, Jumps = 0,
           IndirectJumps = 0, Crossings = 0, TargetCrossings = 0, ZeroDivisions = 0, Compressed = 0,
           Immediates = 0, EncodingToggles = 0, RegisterToggles = 0;
  uint64_t Kinds[KindCount] = {};
  uint32_t FirstDecoded = RamSize / 2, LastDecoded = 0; ///< Where there may be runs.
  uint64_t Pause = 0;                                   ///< When a taken jump looks at limits.
};

void Simulator::decode(Instruction &I, uint32_t Pc) {
  uint32_t Word, At = (Pc - RamBase) >> 1;
  memcpy(&Word, M.at(Pc), 4);
  I = (Word & 3) == 3 ? decode32(Word, Pc) : decode16(uint16_t(Word), Pc);
  if (hasImmediate(I.Code)) // the core reads a register by these bits all the same
    I.Rs2 = I.Imm & 31;
  FirstDecoded = std::min(FirstDecoded, At);
  LastDecoded = std::max(LastDecoded, At);
}

/// Adds what the instructions did since the last time.
void Simulator::fold() {
  for (uint32_t At = FirstDecoded; At <= LastDecoded; ++At) {
    Instruction &I = Code[At];
    if (!I.Runs)
      continue;
    uint32_t Pc = RamBase + 2 * At;
    Kinds[kindOf(I.Code)] += I.Runs;
    Compressed += I.Size == 2 ? I.Runs : 0;
    Immediates += I.Code >= Addi && I.Code <= Srai ? I.Runs : 0;
    if (M.inRam(Pc + I.Size)) {
      const Instruction &Next = fetch(Pc + I.Size);
      EncodingToggles += uint64_t(I.Runs) * encodingToggles(I, Pc, Next, Pc + I.Size);
      RegisterToggles += uint64_t(I.Runs) * registerToggles(I, Next);
    }
    I.Runs = 0;
  }
}

Counts Simulator::now() {
  fold();
  return {Cycles,
          Instructions,
          Loads,
          Stores,
          Branches,
          Taken,
          Jumps,
          Kinds[LowProducts] + Kinds[HighProducts],
          Kinds[Divides],
          Kinds[Additions],
          Kinds[Logic],
          Kinds[Shifts],
          Kinds[Comparisons],
          Kinds[Constants],
          Kinds[HighProducts],
          ZeroDivisions,
          Kinds[ByteLoads],
          Kinds[HalfLoads],
          Kinds[ByteStores],
          Kinds[HalfStores],
          Crossings,
          Immediates,
          Compressed,
          IndirectJumps,
          TargetCrossings,
          EncodingToggles,
          RegisterToggles};
}

template <typename T> bool Simulator::load(uint32_t Address, uint32_t Pc, T &Value) {
  bool Crosses = (Address & 3) + sizeof(T) > 4;
  if (!M.inRam(Address) || !M.inRam(Address + sizeof(T) - 1)) {
    M.fault(5, Pc, Address);
    return false;
  }
  memcpy(&Value, M.at(Address), sizeof Value);
  Loads += 1 + Crosses;
  Crossings += Crosses;
  Cycles += Crosses ? CrossingAccess : Access;
  return true;
}

template <typename T> void Simulator::store(uint32_t Address, uint32_t Pc, T Value) {
  bool Crosses = (Address & 3) + sizeof(T) > 4;
  if (!M.inRam(Address) || !M.inRam(Address + sizeof(T) - 1)) {
    if (Address - RegisterBase < 64)
      M.store(Address, Value, [&] { return now(); });
    else
      M.fault(7, Pc, Address);
    Cycles += Access;
    return;
  }
  uint32_t Half = (Address - RamBase) >> 1;
  if (Code[Half].Code | Code[Half + 1].Code | Code[Half ? Half - 1 : 0].Code) {
    fold();
    forget(Address);
  }
  memcpy(M.at(Address), &Value, sizeof Value);
  Stores += 1 + Crosses;
  Crossings += Crosses;
  Cycles += Crosses ? CrossingAccess : Access;
}

void Simulator::run() {
  static void *const Labels[] = {
      &&Undecoded_, &&Illegal_, &&Lui_,   &&Auipc_,  &&Jal_,   &&Jalr_,   &&Beq_,   &&Bne_,  &&Blt_,
      &&Bge_,       &&Bltu_,    &&Bgeu_,  &&Lb_,     &&Lh_,    &&Lw_,     &&Lbu_,   &&Lhu_,  &&Sb_,
      &&Sh_,        &&Sw_,      &&Addi_,  &&Slti_,   &&Sltiu_, &&Xori_,   &&Ori_,   &&Andi_, &&Slli_,
      &&Srli_,      &&Srai_,    &&Add_,   &&Sub_,    &&Sll_,   &&Slt_,    &&Sltu_,  &&Xor_,  &&Srl_,
      &&Sra_,       &&Or_,      &&And_,   &&Mul_,    &&Mulh_,  &&Mulhsu_, &&Mulhu_, &&Div_,  &&Divu_,
      &&Rem_,       &&Remu_,    &&Fence_, &&FenceI_, &&Ecall_, &&Ebreak_, &&Csr_};
  static_assert(std::size(Labels) == OpCount);
  uint32_t Pc = ImageBase + 0x80;
  Instruction *I;

#define A X[I->Rs1]
#define B X[I->Rs2]
#define DISPATCH()                                                                                           \
  do {                                                                                                       \
    I = &Code[(Pc - RamBase) >> 1];                                                                          \
    goto *Labels[I->Code];                                                                                   \
  } while (0)
#define RETIRE(Cost)                                                                                         \
  do {                                                                                                       \
    X[0] = 0;                                                                                                \
    Pc += I->Size;                                                                                           \
    Cycles += (Cost);                                                                                        \
    ++Instructions;                                                                                          \
    ++I->Runs;                                                                                               \
    DISPATCH();                                                                                              \
  } while (0)
#define COMPUTE(Name, Value)                                                                                 \
  Name##_ : X[I->Rd] = (Value);                                                                              \
  RETIRE(Alu)
#define LOAD(Name, Type)                                                                                     \
  Name##_ : {                                                                                                \
    Type Value;                                                                                              \
    if (!load<Type>(A + I->Imm, Pc, Value))                                                                  \
      return;                                                                                                \
    X[I->Rd] = uint32_t(int32_t(Value));                                                                     \
    RETIRE(0);                                                                                               \
  }
#define STORE(Name, Type)                                                                                    \
  Name##_ : store<Type>(A + I->Imm, Pc, Type(B));                                                            \
  if (!M.Running)                                                                                            \
    return;                                                                                                  \
  RETIRE(0)
#define BRANCH(Name, Condition)                                                                              \
  Name##_ : ++Branches;                                                                                      \
  if (!(Condition))                                                                                          \
    RETIRE(Alu);                                                                                             \
  ++Taken;                                                                                                   \
  Extra = BranchTaken;                                                                                       \
  Target = uint32_t(I->Imm);                                                                                 \
  goto Go

  uint32_t Target;
  unsigned Extra;
  DISPATCH();

Undecoded_:
  fetch(Pc);
  DISPATCH();
Illegal_:
  return M.fault(2, Pc, uint32_t(I->Imm));
Ecall_:
  return M.fault(11, Pc, 0);
Ebreak_:
  return M.fault(3, Pc, 0);
Jal_:
  X[I->Rd] = Pc + I->Size;
  ++Jumps;
  Extra = Jump;
  Target = uint32_t(I->Imm);
  goto Go;
Jalr_:
  Target = (A + I->Imm) & ~1u;
  X[I->Rd] = Pc + I->Size;
  ++Jumps;
  ++IndirectJumps;
  Extra = Jump;
Go:
  X[0] = 0;
  ++Instructions;
  if (!M.inRam(Target))
    return M.fault(1, Pc, Target);
  {
    const Instruction &Next = fetch(Target);
    bool Crosses = Target & 2 && Next.Size == 4; // needs two fetches
    Cycles += Extra + Crosses;
    TargetCrossings += Crosses;
    Compressed += I->Size == 2;
    EncodingToggles += encodingToggles(*I, Pc, Next, Target);
    RegisterToggles += registerToggles(*I, Next);
  }
  if (Cycles >= Pause) {
    if (Cycles >= M.CycleLimit)
      return;
    fold(); // before a count of runs overflows
    Pause = std::min(M.CycleLimit, Cycles + (1u << 31));
  }
  Pc = Target;
  DISPATCH();

  COMPUTE(Lui, uint32_t(I->Imm));
  COMPUTE(Auipc, uint32_t(I->Imm));
  BRANCH(Beq, A == B);
  BRANCH(Bne, A != B);
  BRANCH(Blt, int32_t(A) < int32_t(B));
  BRANCH(Bge, int32_t(A) >= int32_t(B));
  BRANCH(Bltu, A < B);
  BRANCH(Bgeu, A >= B);
  LOAD(Lb, int8_t);
  LOAD(Lh, int16_t);
  LOAD(Lw, uint32_t);
  LOAD(Lbu, uint8_t);
  LOAD(Lhu, uint16_t);
  STORE(Sb, uint8_t);
  STORE(Sh, uint16_t);
  STORE(Sw, uint32_t);
  COMPUTE(Addi, A + I->Imm);
  COMPUTE(Slti, int32_t(A) < I->Imm);
  COMPUTE(Sltiu, A < uint32_t(I->Imm));
  COMPUTE(Xori, A ^ I->Imm);
  COMPUTE(Ori, A | I->Imm);
  COMPUTE(Andi, A & I->Imm);
  COMPUTE(Slli, A << I->Imm);
  COMPUTE(Srli, A >> I->Imm);
  COMPUTE(Srai, uint32_t(int32_t(A) >> I->Imm));
  COMPUTE(Add, A + B);
  COMPUTE(Sub, A - B);
  COMPUTE(Sll, A << (B & 31));
  COMPUTE(Slt, int32_t(A) < int32_t(B));
  COMPUTE(Sltu, A < B);
  COMPUTE(Xor, A ^ B);
  COMPUTE(Srl, A >> (B & 31));
  COMPUTE(Sra, uint32_t(int32_t(A) >> (B & 31)));
  COMPUTE(Or, A | B);
  COMPUTE(And, A & B);
Mul_:
  X[I->Rd] = A * B;
  RETIRE(Multiply);
Mulh_:
  X[I->Rd] = uint32_t(int64_t(int32_t(A)) * int32_t(B) >> 32);
  RETIRE(MultiplyHigh);
Mulhsu_:
  X[I->Rd] = uint32_t(int64_t(int32_t(A)) * int64_t(B) >> 32);
  RETIRE(MultiplyHigh);
Mulhu_:
  X[I->Rd] = uint32_t(uint64_t(A) * B >> 32);
  RETIRE(MultiplyHigh);
#define DIVIDE(Name, ByZero, Value)                                                                          \
  Name##_ : ZeroDivisions += !B;                                                                             \
  Extra = B ? Divide : DivideByZero;                                                                         \
  X[I->Rd] = B ? uint32_t(Value) : (ByZero);                                                                 \
  RETIRE(Extra)
  DIVIDE(Div, ~0u, A == 0x80000000 && B == ~0u ? A : uint32_t(int32_t(A) / int32_t(B)));
  DIVIDE(Divu, ~0u, A / B);
  DIVIDE(Rem, A, A == 0x80000000 && B == ~0u ? 0 : uint32_t(int32_t(A) % int32_t(B)));
  DIVIDE(Remu, A, A % B);
Fence_:
  RETIRE(Alu);
FenceI_:
  fold();
  for (Instruction &Old : Code)
    Old.Code = Undecoded;
  Pc += 4;
  ++Instructions;
  Cycles += Jump;
  DISPATCH();
Csr_:
  // Counters can be read; all else reads as zero, as nothing here has an effect.
  switch (I->Imm) {
  case 0xb00:
  case 0xc00:
    X[I->Rd] = uint32_t(Cycles);
    break;
  case 0xb80:
  case 0xc80:
    X[I->Rd] = uint32_t(Cycles >> 32);
    break;
  case 0xb02:
  case 0xc02:
    X[I->Rd] = uint32_t(Instructions);
    break;
  case 0xb82:
  case 0xc82:
    X[I->Rd] = uint32_t(Instructions >> 32);
    break;
  default:
    X[I->Rd] = 0;
  }
  RETIRE(Alu);
}

} // namespace

static const char *const Names[] = {"cycles",
                                    "instructions",
                                    "loads",
                                    "stores",
                                    "branches",
                                    "branches_taken",
                                    "jumps",
                                    "multiplications",
                                    "divisions",
                                    "additions",
                                    "logic",
                                    "shifts",
                                    "comparisons",
                                    "constants",
                                    "high_multiplications",
                                    "zero_divisions",
                                    "byte_loads",
                                    "half_loads",
                                    "byte_stores",
                                    "half_stores",
                                    "crossings",
                                    "immediates",
                                    "compressed",
                                    "indirect_jumps",
                                    "target_crossings",
                                    "encoding_toggles",
                                    "register_toggles"};

int main(int Count, char **Arguments) {
  auto M = std::make_unique<Machine>();
  if (!readArguments(Count, Arguments, *M))
    return 2;
  auto S = std::make_unique<Simulator>(*M);
  S->run();
  M->finish([&] { return S->now(); });
  return M->report(Names, std::size(Names), Arguments[2]);
}
