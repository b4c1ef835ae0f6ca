/// What no more runs are started for (R18): nobody takes our messages, or one user has very many runs. Runs that were started go on.
#pragma once

#include <map>
#include <optional>

#include "store/postgres/postgres_store.hpp"

namespace baton::serve {

class Limits {
 public:
  Limits(std::int64_t outbox_max, std::int64_t open_max) : outbox_max_(outbox_max), open_max_(open_max) {}

  /// What the database holds, every few seconds: the limits are as exact as that. Null: it did not answer, and starts nothing either.
  void takes(const PostgresStore::Backlog* backlog);
  /// Why this user may not begin a run now. Errors: run.outbox_full, run.too_many_open.
  [[nodiscard]] std::optional<Error> refuse(UserId user) const;

 private:
  std::int64_t outbox_max_, open_max_;
  std::int64_t messages_ = 0;
  std::map<UserId, std::int64_t> open_of_;
};

}  // namespace baton::serve
