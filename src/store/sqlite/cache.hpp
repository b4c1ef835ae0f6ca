/// What the writing process remembers of its open runs, so that a pass reads nothing back that this process wrote itself. It is dropped
/// whenever another connection has written (SQLite's data_version), and after every failure.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "store/sqlite/rows.hpp"

namespace baton::sqlite {

/// The newest write of each key, by the fence of the pass that wrote it. Complete for all that is newer than `floor()`.
template <class Key, class Value>
class RecentWrites {
 public:
  explicit RecentWrites(Fence floor) : floor_(floor) {}

  void wrote(const Key& key, Fence fence, Value value) {
    const auto [at, is_new] = writes_.try_emplace(key);
    if (!is_new) by_fence_.erase({at->second.first, key});
    at->second = {fence, std::move(value)};
    by_fence_.emplace(fence, key);
    if (writes_.size() > writes_max) forget_oldest();
  }
  [[nodiscard]] bool knows_since(Fence known) const { return known >= floor_; }
  /// By key.
  [[nodiscard]] std::vector<Value> since(Fence known) const {
    std::vector<Key> keys;
    for (auto at = by_fence_.lower_bound({Fence(known.value() + 1), Key{}}); at != by_fence_.end(); ++at)
      keys.push_back(at->second);
    std::ranges::sort(keys);
    std::vector<Value> values;
    values.reserve(keys.size());
    for (const auto& key : keys) values.push_back(writes_.at(key).second);
    return values;
  }

 private:
  static constexpr std::size_t writes_max = 16'384;  // some 20 MB; what is older is read from the file

  void forget_oldest() {
    while (writes_.size() > writes_max / 2 || (!by_fence_.empty() && by_fence_.begin()->first <= floor_)) {
      floor_ = std::max(floor_, by_fence_.begin()->first);
      writes_.erase(by_fence_.begin()->second);
      by_fence_.erase(by_fence_.begin());
    }
  }

  Fence floor_;
  std::map<Key, std::pair<Fence, Value>> writes_;
  std::set<std::pair<Fence, Key>> by_fence_;
};

struct CachedRun {
  /// @param is_new  made just now: nothing was written before
  CachedRun(StoredRun stored, bool is_new)
      : run(std::move(stored)),
        tasks(is_new ? Fence::none() : run.row.fence),
        owed(is_new ? Fence::none() : run.row.fence),
        jobs_known(is_new) {}

  StoredRun run;
  RecentWrites<Index, core::TaskRecord> tasks;
  RecentWrites<AttemptKey, core::OwedRecord> owed;        ///< of attempts that have ended
  bool jobs_known;                                        ///< all of them; else they are read when first asked for
  std::unordered_multimap<std::size_t, AttemptKey> jobs;  ///< by a hash of the id: the statement compares the whole of it
};

}  // namespace baton::sqlite
