#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

int main() { return c10d::ProcessGroupGloo::createDefaultDevice() == nullptr; }
