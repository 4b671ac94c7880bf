#pragma once
// Networks out of files: of torch.export and of TorchScript.
#include <descent/networks/saved_network.h>         // IWYU pragma: export
#include <descent/networks/weights/load_weights.h>  // IWYU pragma: export
