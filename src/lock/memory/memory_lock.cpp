#include "lock/memory/memory_lock.hpp"

#include <algorithm>
#include <list>
#include <map>
#include <utility>

#include "core/mutants.hpp"

namespace baton {
namespace {

// One who waits for a name; lives in its coroutine's frame.
struct Waiter {
  std::string name;
  std::unique_ptr<Event> event;
};

}  // namespace

struct MemoryLocks::State {
  struct Holder {
    std::string token;
    core::Duration until;
  };
  std::function<core::Duration()> steady;
  std::uint64_t last_token = 0;
  std::map<std::string, Holder> holders;
  std::list<Waiter*> waiters;

  // None: free, or its life is over.
  [[nodiscard]] const Holder* holder(const std::string& name) const {
    const auto found = holders.find(name);
    return found == holders.end() || found->second.until <= steady() ? nullptr : &found->second;
  }
  void free(const std::string& name) {
    holders.erase(name);
    for (auto* waiter : waiters) {
      if (waiter->name == name) waiter->event->notify();
    }
  }
};

MemoryLocks::MemoryLocks(std::function<core::Duration()> steady) : state_(std::make_shared<State>()) {
  state_->steady = std::move(steady);
}

bool MemoryLocks::is_held(const std::string& name) const { return state_->holder(name) != nullptr; }

std::size_t MemoryLocks::held() const {
  const auto now = state_->steady();
  return static_cast<std::size_t>(
      std::ranges::count_if(state_->holders, [now](const auto& entry) { return entry.second.until > now; }));
}

void MemoryLocks::expire(const std::string& name) { state_->free(name); }

MemoryLock::MemoryLock(MemoryLocks& locks, Runtime& runtime, std::string replica)
    : locks_(locks.state_), runtime_(runtime), replica_(std::move(replica)) {}

awaitable<Result<Lease>> MemoryLock::acquire(std::string name, core::Duration life) {
  if (const auto* holder = locks_->holder(name)) {
    co_return fail({.code = "lock.held", .what = "'" + name + "' is held by another", .where = holder->token, .way_out = {}});
  }
  const auto number = core::mutant(core::Mutant::token_of_replica) ? std::string() : std::to_string(++locks_->last_token);
  Lease lease{name, replica_.empty() ? number : replica_ + ':' + number, locks_->steady() + life};
  locks_->holders[name] = {lease.token, lease.until};
  co_return lease;
}

awaitable<Result<Lease>> MemoryLock::renew(Lease lease, core::Duration life) {
  const auto* holder = locks_->holder(lease.name);
  if (holder == nullptr || holder->token != lease.token) {
    co_return fail({.code = "lock.lost",
                    .what = "the lease on '" + lease.name + "' is " + (holder == nullptr ? "over" : "another's"),
                    .where = lease.name,
                    .way_out = {}});
  }
  lease.until = locks_->steady() + life;
  locks_->holders[lease.name].until = lease.until;
  co_return lease;
}

awaitable<void> MemoryLock::release(Lease lease) {
  const auto found = locks_->holders.find(lease.name);
  if (found != locks_->holders.end() && found->second.token == lease.token) locks_->free(lease.name);
  co_return;
}

awaitable<void> MemoryLock::until_free(std::string name, core::Duration at_most) {
  const auto locks = locks_;
  const auto* holder = locks->holder(name);
  if (holder == nullptr) co_return;
  const auto rest = holder->until - locks->steady();
  Waiter waiter{std::move(name), runtime_.event()};
  struct Registration {  // also undone when the frame is destroyed while it waits
    MemoryLocks::State& in;
    Waiter* waiter;
    ~Registration() { in.waiters.remove(waiter); }
  } registration{*locks, &waiter};
  locks->waiters.push_back(&waiter);
  co_await waiter.event->wait_for(std::min(at_most, rest));
}

}  // namespace baton
