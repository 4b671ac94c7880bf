#pragma once
// Work that processes share which come and go, and the table by which they agree.
#include <descent/sharing/share.h>  // IWYU pragma: export
#include <descent/sharing/store.h>  // IWYU pragma: export
