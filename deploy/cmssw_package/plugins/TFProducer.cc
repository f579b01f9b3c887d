#include "@SUBSYSTEM@/@PACKAGE@/interface/TensorFlowBackend.h"
#include "TaggerProducer.h"

using @PACKAGE@TFProducer = @NAMESPACE@::TaggerProducer<@NAMESPACE@::TensorFlowBackend>;
DEFINE_FWK_MODULE(@PACKAGE@TFProducer);
