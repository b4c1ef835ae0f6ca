/// The keeper: the one process per state directory that begins local jobs and sees their end. It outlives Baton, and ends when the last
/// job has ended and nobody is connected.
///
/// Files in the state directory: `keeper.lock` (flock: who has it is the keeper), `keeper.sock`, `keeper.err` (what it has to say),
/// `jobs.log` (journal.hpp). Killed with -9, its jobs go on without anybody to see their end: the next keeper kills them and calls them
/// dead. On SIGTERM it does that to itself: it kills what runs and goes.
#pragma once

#include <string>

namespace baton::local {

struct KeeperOptions {
  std::string state;     ///< the state directory; must exist
  int connection = 3;    ///< a stream socket to the one that started it; taken if it is one
  std::string oom_file;  ///< see OomCounter; for tests
};

/// Runs until there is nothing left to keep. @return an exit code: 0, also when another keeper has the lock; 4: the surroundings failed
int keeper_main(KeeperOptions options);

/// A socket address of `<folder>/<name>` where that path may be longer than the 108 bytes which it has room for.
struct SocketPlace {
  std::string path;  ///< fits
  int folder = -1;   ///< an open descriptor that `path` goes through; close it afterwards; -1: none
};
[[nodiscard]] SocketPlace socket_place(const std::string& folder, const std::string& name);

}  // namespace baton::local
