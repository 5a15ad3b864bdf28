#include "ModelRunner.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace mlcomp {

char UnsupportedOperator::ID;

void UnsupportedOperator::log(raw_ostream &OS) const { OS << Message; }

std::error_code UnsupportedOperator::convertToErrorCode() const {
  return std::make_error_code(std::errc::not_supported);
}

Error ModelRunner::checkInput(ArrayRef<float> Input) const {
  if (Input.size() == InputSize)
    return Error::success();
  return createStringError(inconvertibleErrorCode(),
                           "the model takes " + Twine(InputSize) + " features, not " + Twine(Input.size()));
}

} // namespace mlcomp
