#include "OnnxReader.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

namespace mlcomp::onnx {

static Error corrupt(const Twine &What) {
  return createStringError(inconvertibleErrorCode(), "not a valid ONNX model: " + What);
}

std::string quoted(StringRef Name) {
  constexpr size_t MaxShown = 60;
  std::string Shown = "'";
  for (char C : Name.take_front(MaxShown))
    Shown += isPrint(C) ? C : '?';
  return Shown + (Name.size() > MaxShown ? "...'" : "'");
}

std::optional<size_t> elementCount(ArrayRef<int64_t> Dims) {
  size_t Count = 1;
  bool Empty = false;
  for (int64_t D : Dims) {
    if (D < 0 || static_cast<uint64_t>(D) > MaxElements)
      return std::nullopt;
    if (D == 0)
      Empty = true;
    else if ((Count *= static_cast<size_t>(D)) > MaxElements)
      return std::nullopt;
  }
  return Empty ? 0 : Count;
}

const Attribute *Node::attribute(StringRef Name) const {
  auto It = find_if(Attributes, [&](const Attribute &A) { return A.Name == Name; });
  return It == Attributes.end() ? nullptr : &*It;
}

Expected<unsigned> Model::featureCount() const {
  if (Inputs.size() != 1 || Outputs.size() != 1)
    return corrupt("it has " + Twine(Inputs.size()) + " inputs and " + Twine(Outputs.size()) +
                   " outputs, a policy model has one of each");
  const ValueInfo &In = Inputs.front();
  auto Refuse = [&](const Twine &What) { return corrupt("input " + quoted(In.Name) + " " + What); };
  if (In.Type != Float)
    return Refuse("is not a float tensor");
  if (!In.HasShape || In.Dims.empty() || In.Dims.size() > 2)
    return Refuse("has not the shape [features] or [batch, features]");
  if (In.Dims.size() == 2 && In.Dims[0] != -1 && In.Dims[0] != 1)
    return Refuse("has a fixed batch of " + Twine(In.Dims[0]) + ", it must be 1 or free");
  constexpr int64_t MaxFeatures = 1 << 20;
  if (In.Dims.back() < 1 || In.Dims.back() > MaxFeatures)
    return Refuse("has no fixed number of features");
  return static_cast<unsigned>(In.Dims.back());
}

namespace {

enum WireType : unsigned { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

/// What is left of the model's allowance, so that a small file cannot ask for
/// much memory.
class Allowance {
public:
  bool take(size_t N) {
    if (N > Left) {
      Exceeded = true;
      return false;
    }
    Left -= N;
    return true;
  }
  bool exceeded() const { return Exceeded; }

private:
  size_t Left = MaxElements;
  bool Exceeded = false;
};

/// Walks the fields of one message. A malformed field ends the walk and marks
/// it failed; whoever walks asks finish() at the end.
class Message {
public:
  Message(StringRef Contents, Allowance &Quota)
      : P(Contents.bytes_begin()), End(Contents.bytes_end()), Quota(Quota) {
    if (!Quota.take(MessageCost))
      fail();
  }

  bool next() {
    if (P == End)
      return false;
    uint64_t Tag = varint();
    Wire = static_cast<unsigned>(Tag & 7);
    if (Tag >> 3 == 0 || Tag >> 32 != 0)
      return fail();
    Field = static_cast<unsigned>(Tag >> 3);
    switch (Wire) {
    case Varint:
      Value = varint();
      break;
    case Fixed64:
      Contents = take(8);
      break;
    case Bytes:
      Contents = take(varint());
      break;
    case Fixed32:
      Contents = take(4);
      break;
    default:
      return fail();
    }
    return !Failed;
  }

  unsigned field() const { return Field; }

  StringRef bytes() {
    if (Wire != Bytes)
      fail();
    return Contents;
  }

  int64_t integer() {
    if (Wire != Varint)
      fail();
    return static_cast<int64_t>(Value);
  }

  float real() {
    if (Wire != Fixed32 || Failed) {
      fail();
      return 0;
    }
    return readFloat(Contents.bytes_begin());
  }

  /// Gives the elements of a repeated field, packed or not, to Take. Long lists
  /// are not packed in a model's attributes, so those that follow are taken too.
  template <typename Sink> void integers(Sink Take) {
    if (Wire == Varint) {
      Take(static_cast<int64_t>(Value));
      takeRun([&](const uint8_t *&Q) {
        uint64_t V;
        bool Ok = decode(Q, End, V);
        if (Ok)
          Take(static_cast<int64_t>(V));
        return Ok;
      });
      return;
    }
    StringRef Packed = bytes();
    const uint8_t *Q = Packed.bytes_begin();
    while (Q != Packed.bytes_end()) {
      uint64_t V;
      if (!decode(Q, Packed.bytes_end(), V)) {
        fail();
        return;
      }
      Take(static_cast<int64_t>(V));
    }
  }

  template <typename Sink> void reals(Sink Take) {
    if (Wire == Fixed32) {
      Take(real());
      takeRun([&](const uint8_t *&Q) {
        if (End - Q < 4)
          return false;
        Take(readFloat(Q));
        Q += 4;
        return true;
      });
      return;
    }
    StringRef Packed = bytes();
    if (Packed.size() % 4 != 0)
      fail();
    else
      for (const uint8_t *Q = Packed.bytes_begin(); Q != Packed.bytes_end(); Q += 4)
        Take(readFloat(Q));
  }

  template <typename Sink> void strings(Sink Take) {
    Take(bytes());
    takeRun([&](const uint8_t *&Q) {
      uint64_t Size;
      if (!decode(Q, End, Size) || Size > static_cast<uint64_t>(End - Q))
        return false;
      Take(StringRef(reinterpret_cast<const char *>(Q), static_cast<size_t>(Size)));
      Q += Size;
      return true;
    });
  }

  template <typename Integer> void rawIntegers(StringRef Raw, std::vector<int64_t> &Out) {
    if (Raw.size() % sizeof(Integer) != 0 || !Quota.take(Raw.size() / sizeof(Integer))) {
      fail();
      return;
    }
    for (const uint8_t *Q = Raw.bytes_begin(); Q != Raw.bytes_end(); Q += sizeof(Integer))
      Out.push_back(support::endian::read<Integer, endianness::little>(Q));
  }

  void rawReals(StringRef Raw, std::vector<float> &Out) {
    if (Raw.size() % 4 != 0 || !Quota.take(Raw.size() / 4)) {
      fail();
      return;
    }
    Out.reserve(Out.size() + Raw.size() / 4);
    for (const uint8_t *Q = Raw.bytes_begin(); Q != Raw.bytes_end(); Q += 4)
      Out.push_back(readFloat(Q));
  }

  template <typename List> void append(List &Out, typename List::value_type V) {
    if (charge(1))
      Out.push_back(V);
  }

  /// False if the allowance does not cover it, which ends the walk.
  bool charge(size_t Elements) { return (!Failed && Quota.take(Elements)) || fail(); }

  Message child() { return Message(bytes(), Quota); }

  Error finish(const char *What) {
    if (Quota.exceeded())
      return corrupt(Twine("more than ") + Twine(MaxElements) + " elements");
    if (Failed)
      return corrupt(Twine("truncated or corrupt ") + What);
    return Error::success();
  }

private:
  static constexpr size_t MessageCost = 64;

  bool fail() {
    Failed = true;
    P = End;
    Contents = StringRef();
    return false;
  }

  static bool decode(const uint8_t *&Q, const uint8_t *End, uint64_t &V) {
    V = 0;
    for (unsigned Shift = 0; Q != End && Shift < 64; Shift += 7) {
      uint8_t Byte = *Q++;
      V |= uint64_t(Byte & 127) << Shift;
      if (Byte < 128)
        return true;
    }
    return false;
  }

  uint64_t varint() {
    uint64_t V;
    if (decode(P, End, V))
      return V;
    fail();
    return 0;
  }

  StringRef take(uint64_t N) {
    if (N > static_cast<uint64_t>(End - P)) {
      fail();
      return StringRef();
    }
    StringRef Taken(reinterpret_cast<const char *>(P), static_cast<size_t>(N));
    P += N;
    return Taken;
  }

  /// Decodes the fields that follow and have this one's number and type.
  template <typename Decoder> void takeRun(Decoder Decode) {
    if (Failed || Field > 15) // a tag of several bytes: next() finds the fields
      return;
    const uint8_t Tag = static_cast<uint8_t>(Field << 3 | Wire);
    const uint8_t *Q = P;
    while (Q != End && *Q == Tag) {
      ++Q;
      if (!Decode(Q)) {
        fail();
        return;
      }
    }
    if (!Failed) // Take may have used up the allowance
      P = Q;
  }

  static float readFloat(const uint8_t *Q) { return bit_cast<float>(support::endian::read32le(Q)); }

  const uint8_t *P, *End;
  Allowance &Quota;
  bool Failed = false;
  unsigned Field = 0, Wire = 0;
  uint64_t Value = 0;
  StringRef Contents;
};

constexpr unsigned FloatsField = 7, IntsField = 8, StringsField = 9; // of AttributeProto

} // namespace

static Error readTensor(Message M, Tensor &T) {
  StringRef Raw;
  bool HasRaw = false, External = false;
  while (M.next())
    switch (M.field()) {
    case 1:
      M.integers([&](int64_t V) { M.append(T.Dims, V); });
      break;
    case 2:
      T.Type = M.integer();
      break;
    case 4:
      M.reals([&](float V) { M.append(T.Floats, V); });
      break;
    case 5: // int32_data
    case 7: // int64_data
      M.integers([&](int64_t V) { M.append(T.Ints, V); });
      break;
    case 8:
      T.Name = M.bytes();
      break;
    case 9:
      Raw = M.bytes();
      HasRaw = true;
      break;
    case 14:
      External = M.integer() != 0;
      break;
    default:
      break;
    }
  T.HasContents = !External && (T.Type == Float || T.Type == Int32 || T.Type == Int64);
  if (HasRaw && T.HasContents) {
    if (T.Type == Float)
      M.rawReals(Raw, T.Floats);
    else if (T.Type == Int32)
      M.rawIntegers<int32_t>(Raw, T.Ints);
    else
      M.rawIntegers<int64_t>(Raw, T.Ints);
  }
  if (Error E = M.finish("tensor"))
    return E;
  std::optional<size_t> Count = elementCount(T.Dims);
  if (!Count)
    return corrupt("tensor " + quoted(T.Name) + " has an impossible shape");
  if (T.HasContents && *Count != (T.Type == Float ? T.Floats.size() : T.Ints.size()))
    return corrupt("tensor " + quoted(T.Name) + " has not as many elements as its shape says");
  return Error::success();
}

static Error readAttribute(Message M, StringRef Encoded, Attribute &A) {
  A.Encoded = Encoded;
  size_t Floats = 0, Ints = 0, Strings = 0;
  while (M.next())
    switch (M.field()) {
    case 1:
      A.Name = M.bytes();
      break;
    case 2:
      A.FloatValue = M.real();
      break;
    case 3:
      A.IntValue = M.integer();
      break;
    case 4:
      A.StringValue = M.bytes();
      break;
    case 5:
      A.TensorValue = std::make_unique<Tensor>();
      if (Error E = readTensor(M.child(), *A.TensorValue))
        return E;
      break;
    case FloatsField:
      M.reals([&](float) { ++Floats; });
      break;
    case IntsField:
      M.integers([&](int64_t) { ++Ints; });
      break;
    case StringsField:
      M.strings([&](StringRef) { ++Strings; });
      break;
    case 20:
      A.Type = M.integer();
      break;
    default:
      break;
    }
  A.Length = A.Type == Attribute::Floats    ? Floats
             : A.Type == Attribute::Ints    ? Ints
             : A.Type == Attribute::Strings ? Strings
                                            : 0;
  M.charge(Floats + Ints + Strings);
  return M.finish("attribute");
}

namespace {

/// Hands on elements in pieces that stay in the cache.
template <typename Element> class Pieces {
public:
  explicit Pieces(Attribute::Receiver<Element> Take) : Take(Take) {}
  ~Pieces() { flush(); }

  void add(Element V) {
    if (Fill == Size)
      flush();
    Buffer[Fill++] = V;
  }

private:
  void flush() {
    Take(First, ArrayRef(Buffer, Fill));
    First += Fill;
    Fill = 0;
  }

  static constexpr size_t Size = 256;
  Attribute::Receiver<Element> Take;
  size_t First = 0, Fill = 0;
  Element Buffer[Size];
};

} // namespace

void Attribute::floats(Receiver<float> Take) const {
  Pieces<float> Out(Take);
  Allowance Quota;
  for (Message M(Encoded, Quota); M.next();)
    if (M.field() == FloatsField)
      M.reals([&](float V) { Out.add(V); });
}

void Attribute::ints(Receiver<int64_t> Take) const {
  Pieces<int64_t> Out(Take);
  Allowance Quota;
  for (Message M(Encoded, Quota); M.next();)
    if (M.field() == IntsField)
      M.integers([&](int64_t V) { Out.add(V); });
}

void Attribute::strings(Receiver<StringRef> Take) const {
  Pieces<StringRef> Out(Take);
  Allowance Quota;
  for (Message M(Encoded, Quota); M.next();)
    if (M.field() == StringsField)
      M.strings([&](StringRef V) { Out.add(V); });
}

template <typename Element> static auto appendTo(std::vector<Element> &Out) {
  return [&Out](size_t, ArrayRef<Element> Piece) { Out.insert(Out.end(), Piece.begin(), Piece.end()); };
}

std::vector<float> Attribute::floatList() const {
  std::vector<float> Out;
  Out.reserve(Length);
  floats(appendTo(Out));
  return Out;
}

std::vector<int64_t> Attribute::intList() const {
  std::vector<int64_t> Out;
  Out.reserve(Length);
  ints(appendTo(Out));
  return Out;
}

static Error readNode(Message M, Node &N) {
  while (M.next())
    switch (M.field()) {
    case 1:
      M.append(N.Inputs, M.bytes());
      break;
    case 2:
      M.append(N.Outputs, M.bytes());
      break;
    case 4:
      N.Operator = M.bytes();
      break;
    case 5:
      if (Error E = readAttribute(M.child(), M.bytes(), N.Attributes.emplace_back()))
        return E;
      break;
    case 7:
      N.Domain = M.bytes();
      break;
    default:
      break;
    }
  return M.finish("node");
}

static Error readDimension(Message M, Shape &Dims) {
  int64_t Size = -1;
  while (M.next())
    if (M.field() == 1)
      Size = M.integer();
  M.append(Dims, Size);
  return M.finish("shape");
}

static Error readValueInfo(Message M, ValueInfo &V) {
  while (M.next()) {
    if (M.field() == 1)
      V.Name = M.bytes();
    if (M.field() != 2)
      continue;
    Message Type = M.child();
    while (Type.next()) {
      if (Type.field() != 1) // only tensors
        continue;
      Message Tensor = Type.child();
      while (Tensor.next()) {
        if (Tensor.field() == 1)
          V.Type = Tensor.integer();
        if (Tensor.field() != 2)
          continue;
        V.HasShape = true;
        Message Dims = Tensor.child();
        while (Dims.next())
          if (Dims.field() == 1)
            if (Error E = readDimension(Dims.child(), V.Dims))
              return E;
        if (Error E = Dims.finish("shape"))
          return E;
      }
      if (Error E = Tensor.finish("type"))
        return E;
    }
    if (Error E = Type.finish("type"))
      return E;
  }
  return M.finish("graph input or output");
}

static Error readGraph(Message M, Model &Out) {
  while (M.next())
    switch (M.field()) {
    case 1:
      if (Error E = readNode(M.child(), Out.Nodes.emplace_back()))
        return E;
      break;
    case 5:
      if (Error E = readTensor(M.child(), Out.Initializers.emplace_back()))
        return E;
      break;
    case 11:
      if (Error E = readValueInfo(M.child(), Out.Inputs.emplace_back()))
        return E;
      break;
    case 12:
      if (Error E = readValueInfo(M.child(), Out.Outputs.emplace_back()))
        return E;
      break;
    default:
      break;
    }
  return M.finish("graph");
}

static Error readOpset(Message M, Model &Out) {
  StringRef Domain;
  int64_t Version = 0;
  while (M.next()) {
    if (M.field() == 1)
      Domain = M.bytes();
    if (M.field() == 2)
      Version = M.integer();
  }
  if (Domain.empty() || Domain == "ai.onnx")
    Out.Opset = Version;
  return M.finish("opset");
}

Expected<Model> read(StringRef Bytes) {
  if (Bytes.size() > MaxFileBytes)
    return corrupt("larger than 64 MiB");
  Model Out;
  Allowance Quota;
  Message M(Bytes, Quota);
  bool HasGraph = false;
  while (M.next()) {
    if (M.field() == 7) {
      if (std::exchange(HasGraph, true))
        return corrupt("more than one graph");
      if (Error E = readGraph(M.child(), Out))
        return E;
    }
    if (M.field() == 8)
      if (Error E = readOpset(M.child(), Out))
        return E;
  }
  if (Error E = M.finish("file"))
    return E;
  if (!HasGraph)
    return corrupt("no graph");

  StringSet<> Initialized;
  for (const Tensor &T : Out.Initializers)
    Initialized.insert(T.Name);
  erase_if(Out.Inputs, [&](const ValueInfo &V) { return Initialized.contains(V.Name); });
  return Out;
}

} // namespace mlcomp::onnx
