"""Services of ONNX Runtime."""
