#include "@SUBSYSTEM@/@PACKAGE@/interface/OnnxBackend.h"
#include "TaggerProducer.h"

using @PACKAGE@ONNXProducer = @NAMESPACE@::TaggerProducer<@NAMESPACE@::OnnxBackend>;
DEFINE_FWK_MODULE(@PACKAGE@ONNXProducer);
