#include "limits.hpp"

#include <string>

namespace baton::serve {

void Limits::takes(const PostgresStore::Backlog* backlog) {
  messages_ = backlog != nullptr ? backlog->messages : 0;
  if (backlog != nullptr) open_of_ = backlog->open_of;
}

std::optional<Error> Limits::refuse(UserId user) const {
  if (messages_ > outbox_max_)
    return Error{
        .code = "run.outbox_full",
        .what = "more than " + std::to_string(outbox_max_) + " messages wait to be told: no run is started until they are",
        .where = {},
        .way_out = "is RabbitMQ there, and does it take messages? runs that were started go on"};
  const auto found = open_of_.find(user);
  const auto open = found == open_of_.end() ? 0 : found->second;
  if (open >= open_max_)
    return Error{.code = "run.too_many_open",
                 .what = "user " + std::to_string(user.value()) + " has " + std::to_string(open) + " open runs, and may have " +
                         std::to_string(open_max_),
                 .where = {},
                 .way_out = "wait for the end of one, or stop one"};
  return std::nullopt;
}

}  // namespace baton::serve
