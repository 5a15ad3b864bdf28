//===- Adopt.h - one module in another's place -----------------------------===//

#ifndef MLCOMP_CORE_ADOPT_H
#define MLCOMP_CORE_ADOPT_H

namespace llvm {
class Module;
}

namespace mlcomp {

/// Replaces all that \p Into holds by what \p From holds, in its order; \p From
/// is empty afterwards. Both live in one context and have one data layout.
/// Analyses of both must have been cleared.
void adoptContents(llvm::Module &From, llvm::Module &Into);

} // namespace mlcomp

#endif
