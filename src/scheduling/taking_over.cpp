#include "scheduling/taking_over.hpp"

#include <utility>

namespace baton {

awaitable<bool> free_if_gone(Store& store, Lock& lock, std::string name, Error held) {
  const auto colon = held.where.rfind(':');
  if (held.code != "lock.held" || colon == std::string::npos) co_return false;
  const auto gone = co_await store.is_gone(ReplicaId(held.where.substr(0, colon)));
  if (!gone || !*gone) co_return false;
  co_await lock.release(
      {.name = std::move(name), .token = std::move(held.where)});  // compares the token: it may be another's by now
  co_return true;
}

}  // namespace baton
