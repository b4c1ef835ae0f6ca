/// What a publisher waits for: which batches still have messages that the broker has said nothing of.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

namespace baton::amqp {

/// Messages that are published together.
struct Batch {
  std::size_t open = 0;      ///< without a word of the broker yet
  std::size_t refused = 0;   ///< which it could not take
  std::size_t returned = 0;  ///< which reached no queue
  bool lost = false;         ///< the channel has gone: nothing will be said of the open ones
  [[nodiscard]] bool is_done() const { return open == 0 || lost; }
};

/// Of one channel, from its opening to its end.
class Confirms {
 public:
  void sent(std::uint64_t tag, std::shared_ptr<Batch> batch) {
    ++batch->open;
    waiting_.emplace(tag, std::move(batch));
  }
  /// A mandatory message that reached no queue; it is confirmed all the same, later.
  void returned(std::uint64_t tag) {
    const auto found = waiting_.find(tag);
    if (found != waiting_.end()) ++found->second->returned;
  }
  void confirmed(std::uint64_t tag, bool multiple, bool taken) {
    // RabbitMQ takes tag 0 with `multiple` as all; it never sends it, but a map copes.
    auto first = multiple ? waiting_.begin() : waiting_.find(tag);
    const auto last = waiting_.upper_bound(tag);
    while (first != waiting_.end() && first != last) {
      auto& batch = *first->second;
      --batch.open;
      if (!taken) ++batch.refused;
      first = waiting_.erase(first);
    }
  }
  void lose_all() {
    for (auto& [tag, batch] : waiting_) batch->lost = true;
    waiting_.clear();
  }
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }

 private:
  std::map<std::uint64_t, std::shared_ptr<Batch>> waiting_;
};

}  // namespace baton::amqp
