#pragma once

namespace descent {

/// Lets the process keep the memory that it frees, for what it allocates next. Without it glibc
/// gives each large block back to the system, which clears the next one page by page: convolutional
/// networks that are evaluated again and again spend a third of their time so, in Python too. It is
/// a matter of the whole process, so nothing in this library calls it: a program does, as
/// `descent` does, in main() and before it starts threads. The process may then hold as much as it
/// held at its peak. Returns false, and changes nothing, where the system's allocator is not
/// glibc's.
bool keep_freed_memory();

}  // namespace descent
