/// Puts a work directory in the place of a task's published folder, whole: a reader sees the old outputs or the new ones. Blocking.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace baton::local {

struct Publication {
  std::string work;                ///< the work directory; nothing runs in it any more
  std::uint64_t inode = 0;         ///< of it, as the keeper saw it; 0: not known
  std::string target;              ///< absolute: the folder to be replaced
  std::vector<std::string> names;  ///< what is published, relative to the work directory; never empty
};

/// Where the outputs lie now: in `work`, or already in `target` (a Baton was killed between publishing and its commit).
/// The folder's inode is the proof; across file systems, a note beside the work directory is.
[[nodiscard]] bool is_published(const Publication& publication);
/// Puts what links among the names lead to in their place, as a copy: outputs are plain files and folders. One that leads nowhere stays.
/// Can be called again after a crash at any point. False: one could not be made.
bool resolve_links(const Publication& publication);
/// Can be called again after a crash at any point. Removes from the work directory what is not published, moves it to the target
/// (exchanged with what is there), removes what was there. Another file system: copies, syncs, moves.
/// Errors: runtime.publish; then the old outputs stand.
[[nodiscard]] Result<void> publish(const Publication& publication);
/// Removes what publishing leaves beside the work directory.
void forget_publication(const std::string& work);

}  // namespace baton::local
