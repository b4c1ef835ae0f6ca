#include "scheduling/relay.hpp"

#include <iterator>
#include <utility>

#include "core/mutants.hpp"
#include "scheduling/failpoint.hpp"

namespace baton {
namespace {

constexpr std::size_t waiting_max = 10'000;

}  // namespace

Relay::Relay(Runtime& runtime, Store& store, Events& events, RelayOptions options)
    : store_(store), events_(events), options_(std::move(options)), gate_(runtime.gate()) {}

void Relay::tell(std::vector<Outgoing> messages) {
  if (stopping_ || messages.empty() || waiting_.size() + messages.size() > waiting_max) return;
  waiting_.insert(waiting_.end(), std::make_move_iterator(messages.begin()), std::make_move_iterator(messages.end()));
  if (!std::exchange(working_, true)) gate_->spawn(work());
}

/// One batch after the other, so that a run's messages keep their order; what comes meanwhile goes with the next.
awaitable<void> Relay::work() {
  while (!waiting_.empty()) {
    const auto published = co_await publish(std::exchange(waiting_, {}));
    if (!published) waiting_.clear();  // the sweep brings them, in order
  }
  working_ = false;
}

void Relay::sweep() {
  if (!stopping_ && !std::exchange(sweeping_, true)) gate_->spawn(sweep_all());
}

awaitable<void> Relay::sweep_all() {
  for (bool more = true; more && !stopping_;) {
    auto left = co_await store_.outbox(options_.old, options_.batch_max);
    if (!left) {
      options_.trouble(left.error());
      break;
    }
    more = left->size() == options_.batch_max;
    if (left->empty()) break;
    const auto published = co_await publish(std::move(*left));
    if (!published) break;
  }
  sweeping_ = false;
}

awaitable<bool> Relay::publish(std::vector<Outgoing> messages) {
  std::vector<MessageId> names;
  names.reserve(messages.size());
  for (const auto& message : messages) names.push_back(message.name());
  if (core::mutant(core::Mutant::told_first)) {
    const auto early = co_await store_.told(names);
    static_cast<void>(early);
  }
  const auto first = messages.front().run;
  const auto published = co_await events_.publish(std::move(messages));
  if (!published) {
    options_.trouble(published.error());
    co_return false;
  }
  failpoint("published-before-told", first);
  const auto removed = co_await store_.told(std::move(names));
  if (!removed) options_.trouble(removed.error());  // they are told again: at least once
  co_return removed.has_value();
}

awaitable<void> Relay::stop() {
  stopping_ = true;
  co_await gate_->empty();
}

}  // namespace baton
