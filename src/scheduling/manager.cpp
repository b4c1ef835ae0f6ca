#include "scheduling/manager.hpp"

#include <utility>

#include "scheduling/names.hpp"
#include "scheduling/taking_over.hpp"

namespace baton {

Manager::Manager(Runtime& runtime, Store& store, Queue& queue, Lock& lock, ManagerOptions options, Relay* relay)
    : runtime_(runtime),
      store_(store),
      queue_(queue),
      lock_(lock),
      relay_(relay),
      options_(std::move(options)),
      stopped_(runtime.event()) {}

awaitable<void> Manager::serve() {
  while (!stopping_) {
    const bool for_due = runtime_.steady() >= due_at_;
    co_await look(for_due);
    const auto stopped = co_await stopped_->wait_for(options_.look_for_gone);
    static_cast<void>(stopped);
  }
}

void Manager::stop() {
  stopping_ = true;
  stopped_->notify();
}

awaitable<void> Manager::look(bool for_due) {
  auto lease = co_await lock_.acquire(manager_lock(), options_.lock_life);
  if (!lease && lease.error().code == "lock.held") {
    const auto freed = co_await free_if_gone(store_, lock_, manager_lock(), lease.error());
    if (!freed) co_return;  // another replica looks
    lease = co_await lock_.acquire(manager_lock(), options_.lock_life);
    if (!lease && lease.error().code == "lock.held") co_return;
  }
  // Away: we look all the same, the statements are idempotent.
  if (!unpublished_.empty()) co_await publish(std::exchange(unpublished_, {}));
  auto orphans = co_await store_.orphans(options_.batch_max);
  co_await publish(std::move(orphans));
  if (for_due) {
    due_at_ = runtime_.steady() + options_.interval;
    auto due = co_await store_.due(options_.due, options_.batch_max);
    co_await publish(std::move(due));
    co_await give_lost_turns();
    if (relay_ != nullptr) relay_->sweep();  // not waited for: who is gone is looked for each second
  }
  if (lease) co_await lock_.release(*lease);
}

/// R17: runs of a user stand in line, there is room, and no commit gave them their turn: who was to do it has died, or both committed at the
/// same moment.
awaitable<void> Manager::give_lost_turns() {
  if (options_.waiting_max == 0) co_return;
  auto crowd = co_await store_.crowd();
  if (!crowd) co_return options_.trouble(crowd.error());
  for (const auto& [user, runs] : crowd->in_line) {
    auto turns = co_await store_.give_turns(user, options_.waiting_max);
    co_await publish(std::move(turns));
  }
}

awaitable<void> Manager::publish(Result<std::vector<core::RunKey>> found) {
  if (!found) {
    options_.trouble(found.error());
    co_return;
  }
  if (found->empty()) co_return;
  const auto published = co_await queue_.publish(*found);
  if (published) co_return;
  options_.trouble(published.error());
  unpublished_.insert(unpublished_.end(), found->begin(), found->end());
}

}  // namespace baton
