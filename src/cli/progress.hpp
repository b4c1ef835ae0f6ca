/// Plain lines that tell how a run goes on: what has ended, what failed with the end of its log, and what runs for long.
#pragma once

#include <map>
#include <vector>

#include "cli/terminal.hpp"
#include "ports/store.hpp"

namespace baton::cli {

/// The last lines of a log, at most 20 and 16 KiB, fit for a terminal, indented by four. Empty: there is nothing, or nothing to read.
[[nodiscard]] std::string last_lines(const std::string& log);

class Progress {
 public:
  explicit Progress(Terminal& terminal) : terminal_(terminal) {}

  /// Takes the tasks that may have changed; at the first time all of the run, which tells how many there are. `now`: the store's clock.
  void show(const std::vector<TaskView>& tasks, core::Instant now);
  /// Tasks that have ended in this state.
  [[nodiscard]] std::size_t count(core::State state) const;
  /// Whether a task that has succeeded made files or folders.
  [[nodiscard]] bool has_results() const { return has_results_; }
  [[nodiscard]] std::size_t total() const { return tasks_.size(); }

 private:
  struct Known {
    NodeId node;
    core::State state = core::State::published;
    std::int32_t failures = 0, lost = 0;
    std::optional<core::Instant> started;
    std::optional<double> progress;
  };
  void take(const TaskView& task, bool first);
  void tell_end(const TaskView& task);
  void tell_long(core::Instant now);
  [[nodiscard]] std::string place() const;

  Terminal& terminal_;
  std::map<Index, Known> tasks_;
  std::size_t ended_ = 0;
  std::string lines_;        ///< of this show()
  core::Instant told_at_{};  ///< when what runs for long was told
  bool shown_ = false;
  bool has_results_ = false;
};

}  // namespace baton::cli
