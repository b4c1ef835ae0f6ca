/// Where the jobs of local processes are kept. The replicas of one database must agree about it: a keeper knows the claims of its own state
/// directory alone, so that with two of them the same job could begin twice (R15).
#pragma once

#include <string>

namespace baton {

struct KeeperPlace {
  std::string id;            ///< of the state directory (local::identity_of)
  std::string host, folder;  ///< for people
  bool moved = false;        ///< the one before is gone for ever, with what ran there; else it must have ended all its jobs
};

}  // namespace baton
