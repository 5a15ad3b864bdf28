// Compiles an ONNX graph, for a batch of one row, to a flat plan: an arena of
// floats that holds every value at a fixed place, and a list of steps, each of
// which fills one value. What only depends on constants is computed once, and
// what only changes a shape costs nothing.
//
// Tree ensembles, data movement and element-wise arithmetic equal ONNX Runtime
// bit for bit. Matrix products, sums and Exp, Log, Tanh, Sigmoid differ in the
// last bits, since ONNX Runtime's order of summation depends on the CPU: the
// difference stays below 1e-5 of a model's largest scores. A score that cancels
// to nearly zero has fewer equal digits.

#include "ModelRunner.h"
#include "OnnxReader.h"
#include "TreeEnsemble.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include <algorithm>
#include <cmath>

using namespace llvm;

namespace mlcomp {

using onnx::Attribute;
using onnx::Shape;

namespace {

enum class Kernel : uint8_t {
  Alias, // no step: the input under another shape
  Abs,
  Neg,
  Relu,
  Tanh,
  Sigmoid,
  Log,
  Exp,
  Sqrt,
  Add,
  Sub,
  Mul,
  Div,
  Max,
  Min,
  Move,   // Out[i] = Arena[Table[i]]
  Reduce, // Out[Table[i]] += A[i], for Inner elements; then divided by Scale
  Linear, // Out = Scale * A[1, Inner] * B[Inner, Count] + BiasScale * C
  Trees,
};

constexpr uint32_t Nowhere = ~0u;
constexpr size_t MaxRank = 8;

/// Operands are places in the arena.
struct Step {
  Kernel Op = Kernel::Alias;
  uint32_t Out = 0, Count = 0;
  uint32_t A = 0, B = 0, C = Nowhere;
  uint32_t Inner = 0;
  uint32_t Table = 0; // index among the tables or the ensembles
  float Scale = 1, BiasScale = 1;
};

class Plan {
public:
  void execute(const Step &S);

  std::vector<float> Arena;
  std::vector<Step> Steps;
  std::vector<std::vector<uint32_t>> Tables;
  std::vector<TreeEnsemble> Ensembles;
};

template <typename Fn> void each(float *Out, const float *A, uint32_t Count, Fn F) {
  for (uint32_t I = 0; I != Count; ++I)
    Out[I] = F(A[I]);
}

template <typename Fn> void each(float *Out, const float *A, const float *B, uint32_t Count, Fn F) {
  for (uint32_t I = 0; I != Count; ++I)
    Out[I] = F(A[I], B[I]);
}

/// Out += X * W for a row X of Inner elements, summed in order.
void multiplyAdd(float *__restrict Out, const float *X, const float *W, uint32_t Inner, uint32_t Count) {
  uint32_t K = 0;
  for (; K + 4 <= Inner; K += 4, W += size_t(4) * Count) {
    float X0 = X[K], X1 = X[K + 1], X2 = X[K + 2], X3 = X[K + 3];
    const float *W1 = W + Count, *W2 = W1 + Count, *W3 = W2 + Count;
    for (uint32_t J = 0; J != Count; ++J)
      Out[J] = (((Out[J] + X0 * W[J]) + X1 * W1[J]) + X2 * W2[J]) + X3 * W3[J];
  }
  for (; K != Inner; ++K, W += Count)
    for (uint32_t J = 0; J != Count; ++J)
      Out[J] += X[K] * W[J];
}

} // namespace

// NaN goes through every operation, as in ONNX Runtime.
void Plan::execute(const Step &S) {
  float *Base = Arena.data(), *Out = Base + S.Out;
  const float *A = Base + S.A, *B = Base + S.B;
  uint32_t N = S.Count;
  switch (S.Op) {
  case Kernel::Alias:
    break;
  case Kernel::Abs:
    return each(Out, A, N, [](float X) { return std::fabs(X); });
  case Kernel::Neg:
    return each(Out, A, N, [](float X) { return -X; });
  case Kernel::Relu:
    return each(Out, A, N, [](float X) { return X < 0 ? 0 : X; });
  case Kernel::Tanh:
    return each(Out, A, N, [](float X) { return std::tanh(X); });
  case Kernel::Sigmoid:
    return each(Out, A, N, [](float X) { return 1 / (1 + std::exp(-X)); });
  case Kernel::Log:
    return each(Out, A, N, [](float X) { return std::log(X); });
  case Kernel::Exp:
    return each(Out, A, N, [](float X) { return std::exp(X); });
  case Kernel::Sqrt:
    return each(Out, A, N, [](float X) { return std::sqrt(X); });
  case Kernel::Add:
    return each(Out, A, B, N, [](float X, float Y) { return X + Y; });
  case Kernel::Sub:
    return each(Out, A, B, N, [](float X, float Y) { return X - Y; });
  case Kernel::Mul:
    return each(Out, A, B, N, [](float X, float Y) { return X * Y; });
  case Kernel::Div:
    return each(Out, A, B, N, [](float X, float Y) { return X / Y; });
  case Kernel::Max:
    return each(Out, A, B, N, [](float X, float Y) { return X > Y || std::isnan(X) ? X : Y; });
  case Kernel::Min:
    return each(Out, A, B, N, [](float X, float Y) { return X < Y || std::isnan(X) ? X : Y; });
  case Kernel::Move: {
    const uint32_t *Table = Tables[S.Table].data();
    for (uint32_t I = 0; I != N; ++I)
      Out[I] = Base[Table[I]];
    return;
  }
  case Kernel::Reduce: {
    const uint32_t *Table = Tables[S.Table].data();
    std::fill_n(Out, N, 0.0f);
    for (uint32_t I = 0; I != S.Inner; ++I)
      Out[Table[I]] += A[I];
    return each(Out, Out, N, [&](float X) { return X / S.Scale; });
  }
  case Kernel::Linear:
    std::fill_n(Out, N, 0.0f);
    multiplyAdd(Out, A, B, S.Inner, N);
    if (S.Scale != 1)
      each(Out, Out, N, [&](float X) { return S.Scale * X; });
    if (S.C != Nowhere)
      each(Out, Out, Base + S.C, N, [&](float X, float Y) { return X + S.BiasScale * Y; });
    return;
  case Kernel::Trees:
    return Ensembles[S.Table].run(A, Out);
  }
}

namespace {

using ValueId = uint32_t;

/// A tensor while the graph is compiled: floats in the arena, or constant
/// integers (shapes, axes, indices).
struct Value {
  Shape Dims;
  uint32_t Place = 0, Count = 0;
  bool Constant = true;
  bool IsInts = false;
  std::vector<int64_t> Ints;
};

class Compiler {
public:
  Compiler(const onnx::Model &M, Plan &Out) : M(M), Out(Out) {}

  /// The places of input and output.
  Expected<std::pair<Value, Value>> compile();

private:
  using Result = Expected<ValueId>;
  using Inputs = ArrayRef<ValueId>; // Nowhere: left out
  using Handler = Result (Compiler::*)(const onnx::Node &, Inputs, Kernel);

  struct Operator {
    StringLiteral Name, Domain;
    unsigned MinInputs, MaxInputs;
    unsigned Floats;          ///< inputs before this one are floats, others constant integers
    StringLiteral Attributes; ///< "name:type", types as in attributeType()
    Handler Compile;
    Kernel Op;
  };
  static const Operator Operators[];
  static const Operator *lookUp(const onnx::Node &N);

  // Operators
  Result constant(const onnx::Node &N, Inputs In, Kernel Op);
  Result unary(const onnx::Node &N, Inputs In, Kernel Op);
  Result cast(const onnx::Node &N, Inputs In, Kernel Op);
  Result binary(const onnx::Node &N, Inputs In, Kernel Op);
  Result clip(const onnx::Node &N, Inputs In, Kernel Op);
  Result concat(const onnx::Node &N, Inputs In, Kernel Op);
  Result gather(const onnx::Node &N, Inputs In, Kernel Op);
  Result slice(const onnx::Node &N, Inputs In, Kernel Op);
  Result reshape(const onnx::Node &N, Inputs In, Kernel Op);
  Result flatten(const onnx::Node &N, Inputs In, Kernel Op);
  Result squeeze(const onnx::Node &N, Inputs In, Kernel Op);
  Result unsqueeze(const onnx::Node &N, Inputs In, Kernel Op);
  Result reduce(const onnx::Node &N, Inputs In, Kernel Op);
  Result matMul(const onnx::Node &N, Inputs In, Kernel Op);
  Result gemm(const onnx::Node &N, Inputs In, Kernel Op);
  Result scaler(const onnx::Node &N, Inputs In, Kernel Op);
  Result linearRegressor(const onnx::Node &N, Inputs In, Kernel Op);
  Result trees(const onnx::Node &N, Inputs In, Kernel Op);

  // Building blocks
  Expected<Shape> broadcastShape(const Shape &L, const Shape &R);
  Result broadcast(ValueId V, const Shape &Dims);
  Result elementwise(Kernel Op, ValueId L, ValueId R);
  Result linear(ValueId X, ValueId W, ValueId Bias, Shape Dims, float Scale, float BiasScale);
  Result transpose(ValueId V);
  Result move(std::vector<uint32_t> Table, Shape Dims, bool Constant);
  Result alias(ValueId V, Shape Dims);
  Result strided(ValueId V, int64_t Start, ArrayRef<int64_t> Strides, Shape Dims);
  Result define(Step S, Shape Dims, bool Constant);
  Result addConstant(const onnx::Tensor &T);
  Result addFloats(ArrayRef<float> Contents, Shape Dims);
  Result addInts(ArrayRef<int64_t> Contents, Shape Dims);
  Result add(Value V);
  Error reserve(size_t Work);
  Error name(StringRef Name, ValueId V);

  // Attributes: their presence and types are checked before.
  int64_t integer(const onnx::Node &N, StringRef Name, int64_t Default) const {
    const Attribute *A = N.attribute(Name);
    return A ? A->IntValue : Default;
  }
  float real(const onnx::Node &N, StringRef Name, float Default) const {
    const Attribute *A = N.attribute(Name);
    return A ? A->FloatValue : Default;
  }
  /// A list of dimensions, axes or the like that newer models give as an input.
  /// More elements than dimensions are wrong everywhere: one too many is enough.
  std::optional<Shape> integers(const onnx::Node &N, Inputs In, unsigned I, StringRef Name) const {
    if (I < In.size() && In[I] != Nowhere)
      return ArrayRef(Values[In[I]].Ints).take_front(MaxRank + 1).vec();
    if (const Attribute *A = N.attribute(Name))
      return A->intList();
    return std::nullopt;
  }
  Expected<size_t> axis(int64_t Axis, size_t Rank);
  Expected<std::vector<bool>> axes(const std::optional<Shape> &Axes, size_t Rank);

  Error wrong(const Twine &What) const {
    return createStringError(inconvertibleErrorCode(), Where + ": " + What);
  }
  Error unsupported(const Twine &What) const {
    return make_error<UnsupportedOperator>(
        (Where + ": " + What + " is not supported by the native runner").str());
  }

  const onnx::Model &M;
  Plan &Out;
  std::vector<Value> Values;
  StringMap<ValueId> Names;
  std::string Where; // what is being compiled, for messages
  size_t Work = 0;
};

constexpr StringLiteral Standard = "", MachineLearning = "ai.onnx.ml";
constexpr unsigned AnyNumber = ~0u;

const Compiler::Operator Compiler::Operators[] = {
    {"Abs", Standard, 1, 1, 1, "", &Compiler::unary, Kernel::Abs},
    {"Add", Standard, 2, 2, 2, "", &Compiler::binary, Kernel::Add},
    {"Cast", Standard, 1, 1, 1, "to:i saturate:i", &Compiler::cast, Kernel::Alias},
    {"Clip", Standard, 1, 3, 3, "min:f max:f", &Compiler::clip, Kernel::Alias},
    {"Concat", Standard, 1, AnyNumber, AnyNumber, "axis:i", &Compiler::concat, Kernel::Move},
    {"Constant", Standard, 0, 0, 0, "value:t value_float:f value_floats:F value_int:i value_ints:I",
     &Compiler::constant, Kernel::Alias},
    {"Div", Standard, 2, 2, 2, "", &Compiler::binary, Kernel::Div},
    {"Exp", Standard, 1, 1, 1, "", &Compiler::unary, Kernel::Exp},
    {"Flatten", Standard, 1, 1, 1, "axis:i", &Compiler::flatten, Kernel::Alias},
    {"Gather", Standard, 2, 2, 1, "axis:i", &Compiler::gather, Kernel::Move},
    {"Gemm", Standard, 2, 3, 3, "alpha:f beta:f transA:i transB:i", &Compiler::gemm, Kernel::Linear},
    {"Identity", Standard, 1, 1, 1, "", &Compiler::unary, Kernel::Alias},
    {"LinearRegressor", MachineLearning, 1, 1, 1, "coefficients:F intercepts:F targets:i post_transform:s",
     &Compiler::linearRegressor, Kernel::Linear},
    {"Log", Standard, 1, 1, 1, "", &Compiler::unary, Kernel::Log},
    {"MatMul", Standard, 2, 2, 2, "", &Compiler::matMul, Kernel::Linear},
    {"Max", Standard, 1, AnyNumber, AnyNumber, "", &Compiler::binary, Kernel::Max},
    {"Min", Standard, 1, AnyNumber, AnyNumber, "", &Compiler::binary, Kernel::Min},
    {"Mul", Standard, 2, 2, 2, "", &Compiler::binary, Kernel::Mul},
    {"Neg", Standard, 1, 1, 1, "", &Compiler::unary, Kernel::Neg},
    {"ReduceMean", Standard, 1, 2, 1, "axes:I keepdims:i noop_with_empty_axes:i", &Compiler::reduce,
     Kernel::Reduce},
    {"ReduceSum", Standard, 1, 2, 1, "axes:I keepdims:i noop_with_empty_axes:i", &Compiler::reduce,
     Kernel::Reduce},
    {"Relu", Standard, 1, 1, 1, "", &Compiler::unary, Kernel::Relu},
    {"Reshape", Standard, 2, 2, 1, "allowzero:i", &Compiler::reshape, Kernel::Alias},
    {"Scaler", MachineLearning, 1, 1, 1, "offset:F scale:F", &Compiler::scaler, Kernel::Alias},
    {"Sigmoid", Standard, 1, 1, 1, "", &Compiler::unary, Kernel::Sigmoid},
    {"Slice", Standard, 1, 5, 1, "starts:I ends:I axes:I", &Compiler::slice, Kernel::Move},
    {"Sqrt", Standard, 1, 1, 1, "", &Compiler::unary, Kernel::Sqrt},
    {"Squeeze", Standard, 1, 2, 1, "axes:I", &Compiler::squeeze, Kernel::Alias},
    {"Sub", Standard, 2, 2, 2, "", &Compiler::binary, Kernel::Sub},
    {"Sum", Standard, 1, AnyNumber, AnyNumber, "", &Compiler::binary, Kernel::Add},
    {"Tanh", Standard, 1, 1, 1, "", &Compiler::unary, Kernel::Tanh},
    {"TreeEnsembleRegressor", MachineLearning, 1, 1, 1,
     "aggregate_function:s base_values:F n_targets:i nodes_falsenodeids:I nodes_featureids:I "
     "nodes_hitrates:F "
     "nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I "
     "nodes_values:F post_transform:s target_ids:I target_nodeids:I target_treeids:I target_weights:F",
     &Compiler::trees, Kernel::Trees},
    {"Unsqueeze", Standard, 1, 2, 1, "axes:I", &Compiler::unsqueeze, Kernel::Alias},
};

char attributeType(const Attribute &A) {
  switch (A.Type) {
  case Attribute::F:
    return 'f';
  case Attribute::I:
    return 'i';
  case Attribute::S:
    return 's';
  case Attribute::T:
    return A.TensorValue ? 't' : '?';
  case Attribute::Floats:
    return 'F';
  case Attribute::Ints:
    return 'I';
  case Attribute::Strings:
    return 'S';
  default:
    return '?';
  }
}

} // namespace

const Compiler::Operator *Compiler::lookUp(const onnx::Node &N) {
  StringRef Domain = N.Domain == "ai.onnx" ? StringRef() : N.Domain;
  auto It = find_if(Operators, [&](const Operator &O) { return O.Name == N.Operator && O.Domain == Domain; });
  return It == std::end(Operators) ? nullptr : It;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Compiler::Result Compiler::add(Value V) {
  Values.push_back(std::move(V));
  return static_cast<ValueId>(Values.size() - 1);
}

/// Bounds what a run costs, and with it the memory for tables.
Error Compiler::reserve(size_t N) {
  constexpr size_t MaxWork = size_t(1) << 26;
  Work += N;
  if (N > MaxWork || Work > MaxWork)
    return wrong("the model is too large to compute");
  return Error::success();
}

Compiler::Result Compiler::addFloats(ArrayRef<float> Contents, Shape Dims) {
  std::optional<size_t> Count = onnx::elementCount(Dims);
  if (!Count || *Count == 0 || Dims.size() > MaxRank)
    return unsupported("a tensor that is empty, too large, or of more than 8 dimensions");
  if (Out.Arena.size() + *Count > onnx::MaxElements)
    return wrong("the model is too large to compute");
  Value V;
  V.Dims = std::move(Dims);
  V.Place = static_cast<uint32_t>(Out.Arena.size());
  V.Count = static_cast<uint32_t>(*Count);
  Out.Arena.insert(Out.Arena.end(), Contents.begin(), Contents.end());
  Out.Arena.resize(V.Place + *Count);
  return add(std::move(V));
}

Compiler::Result Compiler::addInts(ArrayRef<int64_t> Contents, Shape Dims) {
  if (Dims.size() > MaxRank)
    return unsupported("a tensor of more than 8 dimensions");
  Value V;
  V.Dims = std::move(Dims);
  V.IsInts = true;
  V.Ints = Contents;
  return add(std::move(V));
}

Compiler::Result Compiler::addConstant(const onnx::Tensor &T) {
  if (!T.HasContents)
    return unsupported("a constant of another type than float and int, or in another file,");
  return T.Type == onnx::Float ? addFloats(T.Floats, T.Dims) : addInts(T.Ints, T.Dims);
}

Compiler::Result Compiler::alias(ValueId V, Shape Dims) {
  if (Dims.size() > MaxRank)
    return unsupported("a tensor of more than 8 dimensions");
  Value Copy = Values[V];
  Copy.Dims = std::move(Dims);
  return add(std::move(Copy));
}

/// Adds the step that computes a new value, or takes it now if it can.
Compiler::Result Compiler::define(Step S, Shape Dims, bool Constant) {
  Result V = addFloats({}, std::move(Dims));
  if (!V)
    return V;
  Value &New = Values[*V];
  New.Constant = Constant;
  S.Out = New.Place;
  S.Count = New.Count;
  size_t Cost = std::max<size_t>(S.Inner, 1) * (S.Op == Kernel::Reduce ? 1 : S.Count);
  if (S.Op == Kernel::Trees)
    Cost = Out.Ensembles[S.Table].nodeCount() + S.Count;
  if (Error E = reserve(Cost))
    return E;
  if (Constant)
    Out.execute(S);
  else
    Out.Steps.push_back(S);
  return V;
}

Compiler::Result Compiler::move(std::vector<uint32_t> Table, Shape Dims, bool Constant) {
  Step S;
  S.Op = Kernel::Move;
  S.Table = static_cast<uint32_t>(Out.Tables.size());
  Out.Tables.push_back(std::move(Table));
  Result V = define(S, std::move(Dims), Constant);
  if (Constant)
    Out.Tables.pop_back();
  return V;
}

/// The elements of V at Start + Strides * index. The caller has checked that
/// all of them exist.
Compiler::Result Compiler::strided(ValueId V, int64_t Start, ArrayRef<int64_t> Strides, Shape Dims) {
  std::optional<size_t> Count = onnx::elementCount(Dims);
  if (!Count || *Count == 0)
    return unsupported("a tensor that is empty or too large");
  if (Error E = reserve(*Count))
    return E;
  std::vector<uint32_t> Table(*Count);
  Shape Index(Dims.size());
  int64_t At = Start + Values[V].Place;
  for (uint32_t &Slot : Table) {
    Slot = static_cast<uint32_t>(At);
    for (size_t D = Dims.size(); D-- > 0;) {
      At += Strides[D];
      if (++Index[D] != Dims[D])
        break;
      At -= Strides[D] * Dims[D];
      Index[D] = 0;
    }
  }
  return move(std::move(Table), std::move(Dims), Values[V].Constant);
}

static Shape contiguousStrides(const Shape &Dims) {
  Shape Strides(Dims.size(), 1);
  for (size_t D = Dims.size(); D-- > 1;)
    Strides[D - 1] = Strides[D] * Dims[D];
  return Strides;
}

Expected<Shape> Compiler::broadcastShape(const Shape &L, const Shape &R) {
  Shape Dims(std::max(L.size(), R.size()), 1);
  for (const Shape *S : {&L, &R})
    for (size_t D = 0; D != S->size(); ++D) {
      int64_t &Dim = Dims[Dims.size() - S->size() + D];
      if ((*S)[D] == 1)
        continue;
      if (Dim != 1 && Dim != (*S)[D])
        return wrong("the shapes of its inputs do not fit each other");
      Dim = (*S)[D];
    }
  return Dims;
}

/// V repeated along the dimensions that it lacks. Dims comes from
/// broadcastShape.
Compiler::Result Compiler::broadcast(ValueId V, const Shape &Dims) {
  const Value &From = Values[V];
  if (onnx::elementCount(Dims) == From.Count)
    return alias(V, Dims);
  Shape Own = contiguousStrides(From.Dims), Strides(Dims.size(), 0);
  for (size_t D = 0; D != Own.size(); ++D)
    if (From.Dims[D] != 1)
      Strides[Dims.size() - Own.size() + D] = Own[D];
  return strided(V, 0, Strides, Dims);
}

Compiler::Result Compiler::elementwise(Kernel Op, ValueId L, ValueId R) {
  Expected<Shape> Dims = broadcastShape(Values[L].Dims, Values[R].Dims);
  if (!Dims)
    return Dims.takeError();
  Result A = broadcast(L, *Dims);
  if (!A)
    return A;
  Result B = broadcast(R, *Dims);
  if (!B)
    return B;
  Step S;
  S.Op = Op;
  S.A = Values[*A].Place;
  S.B = Values[*B].Place;
  return define(S, std::move(*Dims), Values[*A].Constant && Values[*B].Constant);
}

Compiler::Result Compiler::transpose(ValueId V) {
  int64_t Rows = Values[V].Dims[0], Columns = Values[V].Dims[1];
  return strided(V, 0, {1, Columns}, {Columns, Rows});
}

/// A row X times W of shape [elements of X, columns]; Bias may be Nowhere.
Compiler::Result Compiler::linear(ValueId X, ValueId W, ValueId Bias, Shape Dims, float Scale,
                                  float BiasScale) {
  bool Constant = Values[X].Constant && Values[W].Constant;
  Step S;
  S.Op = Kernel::Linear;
  S.A = Values[X].Place;
  S.B = Values[W].Place;
  S.Inner = Values[X].Count;
  S.Scale = Scale;
  S.BiasScale = BiasScale;
  if (Bias != Nowhere) {
    Expected<Shape> Joined = broadcastShape(Values[Bias].Dims, Dims);
    if (!Joined)
      return Joined.takeError();
    if (*Joined != Dims)
      return wrong("the bias does not fit the product");
    Result C = broadcast(Bias, Dims);
    if (!C)
      return C;
    S.C = Values[*C].Place;
    Constant &= Values[*C].Constant;
  }
  return define(S, std::move(Dims), Constant);
}

Expected<size_t> Compiler::axis(int64_t Axis, size_t Rank) {
  int64_t Signed = static_cast<int64_t>(Rank);
  if (Axis < -Signed || Axis >= Signed)
    return wrong("axis " + Twine(Axis) + " of " + Twine(Rank));
  return static_cast<size_t>(Axis < 0 ? Axis + Signed : Axis);
}

/// Which dimensions a list names.
Expected<std::vector<bool>> Compiler::axes(const std::optional<Shape> &Axes, size_t Rank) {
  Shape List = Axes.value_or(Shape());
  if (List.size() > Rank)
    return wrong("it names more axes than there are");
  std::vector<bool> Chosen(Rank);
  for (int64_t A : List) {
    Expected<size_t> D = axis(A, Rank);
    if (!D)
      return D.takeError();
    Chosen[*D] = true;
  }
  return Chosen;
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

Compiler::Result Compiler::constant(const onnx::Node &N, Inputs, Kernel) {
  if (N.Attributes.size() != 1)
    return wrong("it has not exactly one attribute");
  const Attribute &A = N.Attributes.front();
  switch (A.Type) {
  case Attribute::T:
    return addConstant(*A.TensorValue);
  case Attribute::F:
    return addFloats(A.FloatValue, {});
  case Attribute::Floats:
    return addFloats(A.floatList(), {static_cast<int64_t>(A.Length)});
  case Attribute::I:
    return addInts(A.IntValue, {});
  default:
    return addInts(A.intList(), {static_cast<int64_t>(A.Length)});
  }
}

Compiler::Result Compiler::unary(const onnx::Node &, Inputs In, Kernel Op) {
  if (Op == Kernel::Alias)
    return In[0];
  Step S;
  S.Op = Op;
  S.A = Values[In[0]].Place;
  return define(S, Values[In[0]].Dims, Values[In[0]].Constant);
}

Compiler::Result Compiler::cast(const onnx::Node &N, Inputs In, Kernel) {
  int64_t To = integer(N, "to", 0);
  if (To != onnx::Float)
    return unsupported("type " + Twine(To));
  return In[0];
}

Compiler::Result Compiler::binary(const onnx::Node &, Inputs In, Kernel Op) {
  ValueId V = In[0];
  for (ValueId Next : In.drop_front()) {
    Result R = elementwise(Op, V, Next);
    if (!R)
      return R;
    V = *R;
  }
  return V;
}

Compiler::Result Compiler::clip(const onnx::Node &N, Inputs In, Kernel) {
  ValueId V = In[0];
  StringRef Names[] = {"min", "max"};
  Kernel Ops[] = {Kernel::Max, Kernel::Min};
  for (unsigned I = 0; I != 2; ++I) {
    ValueId Limit = I + 1 < In.size() ? In[I + 1] : Nowhere;
    if (N.attribute(Names[I])) {
      Result Given = addFloats(real(N, Names[I], 0), {});
      if (!Given)
        return Given;
      Limit = *Given;
    }
    if (Limit == Nowhere)
      continue;
    if (Values[Limit].Count != 1)
      return wrong("a limit is not a scalar");
    Result Scalar = alias(Limit, {});
    if (!Scalar)
      return Scalar;
    Result Limited = elementwise(Ops[I], V, *Scalar);
    if (!Limited)
      return Limited;
    V = *Limited;
  }
  return V;
}

Compiler::Result Compiler::concat(const onnx::Node &N, Inputs In, Kernel) {
  Shape Dims = Values[In[0]].Dims;
  Expected<size_t> Axis = axis(integer(N, "axis", 0), Dims.size());
  if (!Axis)
    return Axis.takeError();
  const Shape First = Dims;
  Dims[*Axis] = 0;
  bool Constant = true;
  size_t Count = 0;
  for (ValueId V : In) {
    Shape Others = Values[V].Dims;
    if (Others.size() != First.size())
      return wrong("its inputs differ in the number of dimensions");
    Dims[*Axis] += Others[*Axis];
    Others[*Axis] = First[*Axis];
    if (Others != First)
      return wrong("the shapes of its inputs do not fit each other");
    Constant &= Values[V].Constant;
    Count += Values[V].Count;
  }
  if (Error E = reserve(Count))
    return E;
  size_t Outer = 1;
  for (size_t D = 0; D != *Axis; ++D)
    Outer *= static_cast<size_t>(Dims[D]);
  std::vector<uint32_t> Table;
  Table.reserve(Count);
  for (size_t O = 0; O != Outer; ++O)
    for (ValueId V : In) {
      uint32_t Chunk = static_cast<uint32_t>(Values[V].Count / Outer);
      for (uint32_t I = 0; I != Chunk; ++I)
        Table.push_back(static_cast<uint32_t>(Values[V].Place + O * Chunk + I));
    }
  return move(std::move(Table), std::move(Dims), Constant);
}

Compiler::Result Compiler::gather(const onnx::Node &N, Inputs In, Kernel) {
  const Value &Data = Values[In[0]], &Indices = Values[In[1]];
  Expected<size_t> Axis = axis(integer(N, "axis", 0), Data.Dims.size());
  if (!Axis)
    return Axis.takeError();
  int64_t Size = Data.Dims[*Axis];
  Shape Dims(Data.Dims.begin(), Data.Dims.begin() + static_cast<ptrdiff_t>(*Axis));
  Dims.insert(Dims.end(), Indices.Dims.begin(), Indices.Dims.end());
  Dims.insert(Dims.end(), Data.Dims.begin() + static_cast<ptrdiff_t>(*Axis) + 1, Data.Dims.end());
  std::optional<size_t> Count = onnx::elementCount(Dims);
  if (!Count || *Count == 0)
    return unsupported("a result that is empty or too large");
  if (Error E = reserve(*Count))
    return E;
  int64_t Inner = contiguousStrides(Data.Dims)[*Axis];
  int64_t Outer = Data.Count / (Inner * Size);
  std::vector<uint32_t> Table;
  Table.reserve(*Count);
  for (int64_t O = 0; O != Outer; ++O)
    for (int64_t Index : Indices.Ints) {
      if (Index < -Size || Index >= Size)
        return wrong("index " + Twine(Index) + " of " + Twine(Size));
      int64_t From = Data.Place + (O * Size + (Index < 0 ? Index + Size : Index)) * Inner;
      for (int64_t I = 0; I != Inner; ++I)
        Table.push_back(static_cast<uint32_t>(From + I));
    }
  return move(std::move(Table), std::move(Dims), Data.Constant);
}

Compiler::Result Compiler::slice(const onnx::Node &N, Inputs In, Kernel) {
  const Value &Data = Values[In[0]];
  std::optional<Shape> Starts = integers(N, In, 1, "starts"), Ends = integers(N, In, 2, "ends"),
                       Axes = integers(N, In, 3, "axes"), Steps = integers(N, In, 4, "steps");
  if (!Starts || !Ends || Starts->size() != Ends->size() || (Axes && Axes->size() != Starts->size()) ||
      (Steps && Steps->size() != Starts->size()) || Starts->size() > Data.Dims.size())
    return wrong("starts, ends, axes and steps differ in length");
  Shape Dims = Data.Dims, Strides = contiguousStrides(Dims);
  std::vector<bool> Seen(Dims.size());
  int64_t Start = 0;
  for (size_t I = 0; I != Starts->size(); ++I) {
    Expected<size_t> Axis = axis(Axes ? (*Axes)[I] : static_cast<int64_t>(I), Dims.size());
    if (!Axis)
      return Axis.takeError();
    if (Seen[*Axis])
      return wrong("an axis is named twice");
    Seen[*Axis] = true;
    int64_t Size = Dims[*Axis], Stride = Steps ? (*Steps)[I] : 1;
    if (Stride == 0)
      return wrong("a step of zero");
    // A step beyond the size has the same effect as one of the size.
    Stride = std::clamp(Stride, -Size, Size);
    // Going down, the end may lie before the first element; the start may not.
    auto Clamp = [&](int64_t At, int64_t Lowest) {
      if (At < 0)
        At = std::max<int64_t>(At, -Size - 1) + Size;
      return std::clamp(At, Stride > 0 ? 0 : Lowest, Stride > 0 ? Size : Size - 1);
    };
    int64_t First = Clamp((*Starts)[I], 0), Last = Clamp((*Ends)[I], -1);
    int64_t Distance = Stride > 0 ? Last - First : First - Last, Magnitude = std::abs(Stride);
    Dims[*Axis] = Distance <= 0 ? 0 : (Distance + Magnitude - 1) / Magnitude;
    Start += First * Strides[*Axis];
    Strides[*Axis] *= Stride;
  }
  return strided(In[0], Start, Strides, std::move(Dims));
}

Compiler::Result Compiler::reshape(const onnx::Node &N, Inputs In, Kernel) {
  const Value &Data = Values[In[0]];
  if (Values[In[1]].Ints.size() > MaxRank)
    return unsupported("a tensor of more than 8 dimensions");
  Shape Dims = Values[In[1]].Ints;
  int64_t *Free = nullptr;
  for (size_t D = 0; D != Dims.size(); ++D) {
    if (Dims[D] == 0 && integer(N, "allowzero", 0) == 0 && D < Data.Dims.size())
      Dims[D] = Data.Dims[D];
    if (Dims[D] == -1) {
      if (std::exchange(Free, &Dims[D]))
        return wrong("two free dimensions");
      Dims[D] = 1;
    }
  }
  std::optional<size_t> Count = onnx::elementCount(Dims);
  if (Free && Count && *Count != 0 && Data.Count % *Count == 0) {
    *Free = static_cast<int64_t>(Data.Count / *Count);
    Count = Data.Count;
  }
  if (Count != Data.Count)
    return wrong("the new shape does not fit the input");
  return alias(In[0], std::move(Dims));
}

Compiler::Result Compiler::flatten(const onnx::Node &N, Inputs In, Kernel) {
  const Shape &Dims = Values[In[0]].Dims;
  int64_t Given = integer(N, "axis", 1), Rows = 1;
  // The end is a valid axis here.
  Expected<size_t> Axis = axis(Given, Dims.size() + (Given < 0 ? 0 : 1));
  if (!Axis)
    return Axis.takeError();
  for (size_t D = 0; D != *Axis; ++D)
    Rows *= Dims[D];
  return alias(In[0], {Rows, Values[In[0]].Count / Rows});
}

Compiler::Result Compiler::squeeze(const onnx::Node &N, Inputs In, Kernel) {
  const Shape &Dims = Values[In[0]].Dims;
  std::optional<Shape> Named = integers(N, In, 1, "axes");
  Expected<std::vector<bool>> Chosen = axes(Named, Dims.size());
  if (!Chosen)
    return Chosen.takeError();
  Shape Left;
  for (size_t D = 0; D != Dims.size(); ++D) {
    if ((*Chosen)[D] && Dims[D] != 1)
      return wrong("a dimension to remove is not 1");
    if (Named ? !(*Chosen)[D] : Dims[D] != 1)
      Left.push_back(Dims[D]);
  }
  return alias(In[0], std::move(Left));
}

Compiler::Result Compiler::unsqueeze(const onnx::Node &N, Inputs In, Kernel) {
  const Shape &Dims = Values[In[0]].Dims;
  std::optional<Shape> Named = integers(N, In, 1, "axes");
  if (!Named || Named->size() > MaxRank)
    return wrong("axes are missing or too many");
  Expected<std::vector<bool>> Chosen = axes(Named, Dims.size() + Named->size());
  if (!Chosen)
    return Chosen.takeError();
  if (static_cast<size_t>(llvm::count(*Chosen, true)) != Named->size())
    return wrong("an axis is named twice");
  Shape Wider;
  auto Next = Dims.begin();
  for (bool IsNew : *Chosen)
    Wider.push_back(IsNew ? 1 : *Next++);
  return alias(In[0], std::move(Wider));
}

Compiler::Result Compiler::reduce(const onnx::Node &N, Inputs In, Kernel) {
  const Value &Data = Values[In[0]];
  size_t Rank = Data.Dims.size();
  std::optional<Shape> Named = integers(N, In, 1, "axes");
  bool All = !Named || Named->empty();
  if (All && integer(N, "noop_with_empty_axes", 0) != 0)
    return In[0];
  Expected<std::vector<bool>> Chosen = axes(Named, Rank);
  if (!Chosen)
    return Chosen.takeError();
  if (All)
    Chosen->assign(Rank, true);

  Shape Kept = Data.Dims, Dims;
  for (size_t D = 0; D != Rank; ++D) {
    if ((*Chosen)[D])
      Kept[D] = 1;
    if (!(*Chosen)[D] || integer(N, "keepdims", 1) != 0)
      Dims.push_back(Kept[D]);
  }
  if (Error E = reserve(Data.Count))
    return E;
  Shape Strides = contiguousStrides(Kept), From = contiguousStrides(Data.Dims);
  std::vector<uint32_t> Table(Data.Count);
  for (uint32_t I = 0; I != Data.Count; ++I)
    for (size_t D = 0; D != Rank; ++D)
      if (!(*Chosen)[D])
        Table[I] += static_cast<uint32_t>(I / From[D] % Data.Dims[D] * Strides[D]);

  Step S;
  S.Op = Kernel::Reduce;
  S.A = Data.Place;
  S.Inner = Data.Count;
  S.Table = static_cast<uint32_t>(Out.Tables.size());
  if (N.Operator == "ReduceMean")
    S.Scale = static_cast<float>(Data.Count / onnx::elementCount(Dims).value_or(1));
  Out.Tables.push_back(std::move(Table));
  return define(S, std::move(Dims), Data.Constant);
}

Compiler::Result Compiler::matMul(const onnx::Node &, Inputs In, Kernel) {
  const Shape &X = Values[In[0]].Dims, &W = Values[In[1]].Dims;
  if (X.empty() || X.size() > 2 || (X.size() == 2 && X[0] != 1) || W.empty() || W.size() > 2)
    return unsupported("a product other than of a row and a matrix");
  if (X.back() != W[0])
    return wrong("the shapes of its inputs do not fit each other");
  Shape Dims(X.begin(), X.end() - 1);
  if (W.size() == 2)
    Dims.push_back(W[1]);
  return linear(In[0], In[1], Nowhere, std::move(Dims), 1, 1);
}

Compiler::Result Compiler::gemm(const onnx::Node &N, Inputs In, Kernel) {
  const Shape &X = Values[In[0]].Dims;
  if (Values[In[1]].Dims.size() != 2 || X.size() != 2)
    return wrong("an input is not a matrix");
  if (integer(N, "transA", 0) != 0 || X[0] != 1)
    return unsupported("a product other than of a row and a matrix");
  ValueId W = In[1];
  if (integer(N, "transB", 0) != 0) {
    Result Turned = transpose(W);
    if (!Turned)
      return Turned;
    W = *Turned;
  }
  if (Values[W].Dims[0] != Values[In[0]].Dims[1])
    return wrong("the shapes of its inputs do not fit each other");
  int64_t Columns = Values[W].Dims[1];
  return linear(In[0], W, In.size() > 2 ? In[2] : Nowhere, {1, Columns}, real(N, "alpha", 1),
                real(N, "beta", 1));
}

Compiler::Result Compiler::scaler(const onnx::Node &N, Inputs In, Kernel) {
  const Attribute *Offset = N.attribute("offset"), *Scale = N.attribute("scale");
  const Shape &Dims = Values[In[0]].Dims;
  if (!Offset || !Scale || Dims.empty() || Offset->Length != Scale->Length ||
      (Scale->Length != 1 && static_cast<int64_t>(Scale->Length) != Dims.back()))
    return wrong("offset and scale do not fit the input");
  ValueId V = In[0];
  for (auto [List, Op] : {std::pair(Offset, Kernel::Sub), std::pair(Scale, Kernel::Mul)}) {
    Result Operand = addFloats(List->floatList(), {static_cast<int64_t>(List->Length)});
    if (!Operand)
      return Operand;
    Result Scaled = elementwise(Op, V, *Operand);
    if (!Scaled)
      return Scaled;
    V = *Scaled;
  }
  return V;
}

Compiler::Result Compiler::linearRegressor(const onnx::Node &N, Inputs In, Kernel) {
  const Attribute *Coefficients = N.attribute("coefficients"), *Intercepts = N.attribute("intercepts"),
                  *Transform = N.attribute("post_transform");
  if (Transform && Transform->StringValue != "NONE")
    return unsupported("post_transform " + onnx::quoted(Transform->StringValue));
  int64_t Targets = integer(N, "targets", 1), Features = Values[In[0]].Count;
  const Shape &Dims = Values[In[0]].Dims;
  if (Dims.empty() || Dims.size() > 2 || Dims.back() != Features)
    return unsupported("an input other than a row");
  if (Targets < 1 || !Coefficients || Coefficients->Length % static_cast<uint64_t>(Targets) != 0 ||
      static_cast<int64_t>(Coefficients->Length) / Targets != Features)
    return wrong("coefficients do not fit targets and input");
  Result Rows = addFloats(Coefficients->floatList(), {Targets, Features});
  if (!Rows)
    return Rows;
  Result W = transpose(*Rows);
  if (!W)
    return W;
  ValueId Bias = Nowhere;
  if (Intercepts) {
    if (static_cast<int64_t>(Intercepts->Length) != Targets)
      return unsupported("intercepts that do not fit targets");
    Result B = addFloats(Intercepts->floatList(), {1, Targets});
    if (!B)
      return B;
    Bias = *B;
  }
  return linear(In[0], *W, Bias, {1, Targets}, 1, 1);
}

Compiler::Result Compiler::trees(const onnx::Node &N, Inputs In, Kernel) {
  const Value &X = Values[In[0]];
  if (X.Dims.size() != 2 || X.Dims[0] != 1)
    return unsupported("an input other than a row");
  Expected<TreeEnsemble> Ensemble = TreeEnsemble::create(N, X.Count);
  if (!Ensemble)
    return Ensemble.takeError();
  Step S;
  S.Op = Kernel::Trees;
  S.A = X.Place;
  S.Table = static_cast<uint32_t>(Out.Ensembles.size());
  Shape Dims = {1, static_cast<int64_t>(Ensemble->targets())};
  bool Constant = X.Constant;
  Out.Ensembles.push_back(std::move(*Ensemble));
  return define(S, std::move(Dims), Constant);
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

Error Compiler::name(StringRef Name, ValueId V) {
  if (!Names.try_emplace(Name, V).second)
    return createStringError(inconvertibleErrorCode(),
                             "not a valid ONNX model: " + onnx::quoted(Name) + " is defined twice");
  return Error::success();
}

Expected<std::pair<Value, Value>> Compiler::compile() {
  constexpr int64_t OldestOpset = 7; // before, broadcasting was an attribute
  Where = "model";
  if (M.Opset != 0 && M.Opset < OldestOpset)
    return unsupported("opset " + Twine(M.Opset));
  Expected<unsigned> Features = M.featureCount();
  if (!Features)
    return Features.takeError();
  Shape Dims(M.Inputs.front().Dims.size(), 1);
  Dims.back() = *Features;
  Result Input = addFloats({}, std::move(Dims));
  if (!Input)
    return Input.takeError();
  Values[*Input].Constant = false;
  if (Error E = name(M.Inputs.front().Name, *Input))
    return E;
  for (const onnx::Tensor &T : M.Initializers) {
    Where = "tensor " + onnx::quoted(T.Name);
    Result V = addConstant(T);
    if (!V)
      return V.takeError();
    if (Error E = name(T.Name, *V))
      return E;
  }

  for (const onnx::Node &N : M.Nodes) {
    std::string Qualified = (N.Domain + Twine(N.Domain.empty() ? "" : ".") + N.Operator).str();
    Where = "operator " + onnx::quoted(Qualified);
    const Operator *Op = lookUp(N);
    if (!Op)
      return make_error<UnsupportedOperator>(Where + " is not supported by the native runner");
    SmallVector<StringRef, 20> Allowed;
    Op->Attributes.split(Allowed, ' ');
    for (const Attribute &A : N.Attributes) {
      std::string Wanted = (A.Name + ":" + Twine(attributeType(A))).str();
      if (!is_contained(Allowed, Wanted))
        return unsupported("attribute " + onnx::quoted(A.Name) + " of this type");
    }

    SmallVector<ValueId, 4> In;
    for (StringRef Name : N.Inputs) {
      auto It = Names.find(Name);
      if (!Name.empty() && It == Names.end())
        return wrong("its input " + onnx::quoted(Name) + " is not defined");
      In.push_back(Name.empty() ? Nowhere : It->second);
    }
    while (!In.empty() && In.back() == Nowhere)
      In.pop_back();
    if (In.size() < Op->MinInputs || In.size() > Op->MaxInputs)
      return wrong("it has " + Twine(In.size()) + " inputs");
    for (size_t I = 0; I != In.size(); ++I) {
      if (In[I] == Nowhere && I < (Op->MaxInputs == AnyNumber ? In.size() : Op->MinInputs))
        return wrong("a required input is left out");
      if (In[I] != Nowhere && Values[In[I]].IsInts != (I >= Op->Floats))
        return unsupported("input " + Twine(I) + " of this type");
    }
    if (N.Outputs.size() != 1)
      return unsupported("a number of outputs other than one");
    Result V = (this->*Op->Compile)(N, In, Op->Op);
    if (!V)
      return V.takeError();
    if (Error E = name(N.Outputs.front(), *V))
      return E;
  }

  auto It = Names.find(M.Outputs.front().Name);
  if (It == Names.end() || Values[It->second].IsInts || M.Outputs.front().Type != onnx::Float)
    return createStringError(inconvertibleErrorCode(), "not a valid ONNX model: output " +
                                                           onnx::quoted(M.Outputs.front().Name) +
                                                           " is not a float tensor");
  return std::pair(Values[*Input], Values[It->second]);
}

namespace {

class NativeRunner final : public ModelRunner {
public:
  NativeRunner(Plan P, const Value &Input, const Value &Output)
      : P(std::move(P)), InputPlace(Input.Place), OutputPlace(Output.Place) {
    InputSize = Input.Count;
    OutputSize = Output.Count;
  }

  Expected<std::vector<float>> run(ArrayRef<float> Input) override {
    if (Error E = checkInput(Input))
      return E;
    llvm::copy(Input, P.Arena.begin() + InputPlace);
    for (const Step &S : P.Steps)
      P.execute(S);
    auto Out = P.Arena.begin() + OutputPlace;
    return std::vector<float>(Out, Out + OutputSize);
  }

private:
  Plan P;
  uint32_t InputPlace, OutputPlace;
};

} // namespace

Expected<std::unique_ptr<ModelRunner>> createNativeRunner(StringRef OnnxBytes) {
  Expected<onnx::Model> M = onnx::read(OnnxBytes);
  if (!M)
    return M.takeError();
  Plan P;
  auto Ends = Compiler(*M, P).compile();
  if (!Ends)
    return Ends.takeError();
  return std::make_unique<NativeRunner>(std::move(P), Ends->first, Ends->second);
}

} // namespace mlcomp
