#include "queue/memory/memory_queue.hpp"

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <utility>

namespace baton {

// A receiver that found nothing; lives in its coroutine's frame. Messages are handed to the one that waits longest.
struct Receiver {
  std::uint64_t consumer;
  std::unique_ptr<Event> event;
  std::optional<Delivery> delivery;
};

struct MemoryBroker::State {
  struct Consumer {
    bool closed = false;
    std::map<std::uint64_t, core::RunKey> unsettled;  // by tag, that is in the order of delivery
  };

  std::function<core::Duration()> steady;
  std::size_t messages_max = 0;
  std::uint64_t last_tag = 0, last_consumer = 0, last_delayed = 0;
  std::deque<core::RunKey> ready;
  std::map<std::pair<core::Duration, std::uint64_t>, core::RunKey> delayed;  // by the time it is due
  std::map<std::uint64_t, Consumer> consumers;
  std::list<Receiver*> receivers;

  [[nodiscard]] std::size_t size() const {
    auto count = ready.size() + delayed.size();
    for (const auto& [id, consumer] : consumers) count += consumer.unsettled.size();
    return count;
  }

  Delivery deliver(std::uint64_t to, core::RunKey run) {
    const auto tag = ++last_tag;
    consumers.at(to).unsettled.emplace(tag, run);
    return {std::move(run), tag};
  }

  void promote_due() {
    const auto now = steady();
    while (!delayed.empty() && delayed.begin()->first.first <= now) {
      ready.push_back(std::move(delayed.begin()->second));
      delayed.erase(delayed.begin());
    }
  }

  // Hands what is ready to those who wait.
  void dispatch() {
    promote_due();
    while (!ready.empty() && !receivers.empty()) {
      auto* receiver = receivers.front();
      receivers.pop_front();
      receiver->delivery = deliver(receiver->consumer, std::move(ready.front()));
      ready.pop_front();
      receiver->event->notify();
    }
  }

  // All of a consumer's unsettled deliveries, back to where they came from.
  void take_back(std::uint64_t consumer) {
    auto& unsettled = consumers.at(consumer).unsettled;
    for (auto at = unsettled.rbegin(); at != unsettled.rend(); ++at) ready.push_front(std::move(at->second));
    unsettled.clear();
    dispatch();
  }
};

MemoryBroker::MemoryBroker(std::function<core::Duration()> steady, std::size_t messages_max) : state_(std::make_shared<State>()) {
  state_->steady = std::move(steady);
  state_->messages_max = messages_max;
}

std::size_t MemoryBroker::size() const { return state_->size(); }

bool MemoryBroker::holds(const core::RunKey& run) const {
  if (std::ranges::find(state_->ready, run) != state_->ready.end()) return true;
  const auto is_run = [&](const auto& entry) { return entry.second == run; };
  return std::ranges::any_of(state_->delayed, is_run) || std::ranges::any_of(state_->consumers, [&](const auto& entry) {
           return std::ranges::any_of(entry.second.unsettled, is_run);
         });
}

std::vector<core::RunKey> MemoryBroker::waiting() const { return {state_->ready.begin(), state_->ready.end()}; }

void MemoryBroker::lose(std::size_t index) {
  BATON_ASSERT(index < state_->ready.size());
  state_->ready.erase(state_->ready.begin() + static_cast<std::ptrdiff_t>(index));
}

void MemoryBroker::twice(std::size_t index) {
  BATON_ASSERT(index < state_->ready.size());
  state_->ready.push_back(state_->ready[index]);
  state_->dispatch();
}

MemoryQueue::MemoryQueue(MemoryBroker& broker, Runtime& runtime)
    : broker_(broker.state_), runtime_(runtime), consumer_(++broker.state_->last_consumer) {
  broker_->consumers[consumer_];
}

MemoryQueue::~MemoryQueue() {
  broker_->receivers.remove_if([this](const Receiver* receiver) { return receiver->consumer == consumer_; });
  broker_->take_back(consumer_);
  broker_->consumers.erase(consumer_);
}

awaitable<Result<void>> MemoryQueue::publish(std::vector<core::RunKey> runs) {
  const auto held = broker_->size();
  if (held + runs.size() > broker_->messages_max) {
    co_return fail({.code = "queue.full",
                    .what = "the queue holds " + std::to_string(held) + " messages already, and takes at most " +
                            std::to_string(broker_->messages_max),
                    .where = {},
                    .way_out = "what was not published is published again when it has waited for too long"});
  }
  for (auto& run : runs) broker_->ready.push_back(std::move(run));
  broker_->dispatch();
  co_return Result<void>();
}

awaitable<Result<Delivery>> MemoryQueue::receive() {
  const auto broker = broker_;
  const auto closed = [&] {
    const auto consumer = broker->consumers.find(consumer_);
    return consumer == broker->consumers.end() || consumer->second.closed;
  };
  while (!closed()) {
    broker->promote_due();
    if (!broker->ready.empty()) {
      auto run = std::move(broker->ready.front());
      broker->ready.pop_front();
      co_return broker->deliver(consumer_, std::move(run));
    }
    Receiver receiver{consumer_, runtime_.event(), {}};
    struct Registration {  // also undone when the frame is destroyed while it waits
      MemoryBroker::State& in;
      Receiver* receiver;
      ~Registration() { in.receivers.remove(receiver); }
    } registration{*broker, &receiver};
    broker->receivers.push_back(&receiver);
    if (broker->delayed.empty()) {
      co_await receiver.event->wait();
    } else {
      co_await receiver.event->wait_for(broker->delayed.begin()->first.first - broker->steady());
    }
    if (receiver.delivery) co_return *receiver.delivery;
  }
  co_return fail({.code = "queue.closed", .what = "the queue is closed", .where = {}, .way_out = {}});
}

awaitable<void> MemoryQueue::ack(Delivery delivery) {
  broker_->consumers.at(consumer_).unsettled.erase(delivery.tag);
  co_return;
}

awaitable<void> MemoryQueue::requeue(Delivery delivery, core::Duration after) {
  if (broker_->consumers.at(consumer_).unsettled.erase(delivery.tag) == 0) co_return;
  if (after <= core::Duration::zero()) {
    broker_->ready.push_back(delivery.run);
    broker_->dispatch();
    co_return;
  }
  const auto due = broker_->steady() + after;
  const bool is_next = broker_->delayed.empty() || due < broker_->delayed.begin()->first.first;
  broker_->delayed.emplace(std::pair(due, ++broker_->last_delayed), delivery.run);
  // Those who wait do so for what was due next before: they look again.
  if (is_next) {
    for (auto* receiver : broker_->receivers) receiver->event->notify();
  }
}

void MemoryQueue::close() {
  broker_->consumers.at(consumer_).closed = true;
  for (auto* receiver : broker_->receivers) {
    if (receiver->consumer == consumer_) receiver->event->notify();
  }
}

void MemoryQueue::lose_channel() { broker_->take_back(consumer_); }

}  // namespace baton
