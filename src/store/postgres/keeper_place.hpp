/// Where the jobs of local processes are kept. The replicas of one database must agree about it: a keeper knows the claims of its own state
/// directory alone, so that with two of them the same job could begin twice (R15).
#pragma once

#include <string>

namespace baton {

struct KeeperPlace {
  std::string id;            ///< of the state directory (local::identity_of)
  std::string boot;          ///< of its host: who has another one cannot reach its keeper
  std::string host, folder;  ///< for people
  bool has_jobs = false;     ///< jobs were kept there before: asked of the first who says where, in a database that has some
  std::string instead_of;    ///< the folder of before, which is gone for ever, with what ran there; empty: none is
};

}  // namespace baton
