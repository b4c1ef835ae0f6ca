/// Which tasks a link names, task by task. Private to formats/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/complaints.hpp"
#include "formats/draft.hpp"

namespace baton::formats {

/// All steps, by name, with the index of the first task of each.
class Steps {
 public:
  explicit Steps(const std::vector<StepDraft>& steps);
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  [[nodiscard]] const StepDraft& at(std::size_t step) const { return (*steps_)[step]; }
  [[nodiscard]] Index first_task(std::size_t step) const { return first_[step]; }
  [[nodiscard]] std::vector<std::string_view> names() const;

 private:
  const std::vector<StepDraft>* steps_;
  std::vector<Index> first_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
};

/// The number of tasks of a step, at most `max` + 1.
[[nodiscard]] std::uint64_t task_count(const StepDraft& step, std::uint64_t max);

/// One variable of the step that is read: which of its values.
struct Axis {
  enum class Kind : std::uint8_t { one, all, follow };
  Kind kind = Kind::all;
  std::uint32_t value = 0;             ///< one: the value's position
  std::size_t variable = 0;            ///< follow: the reader's variable, and by its value's position …
  std::vector<std::uint32_t> mapping;  ///< … the position here; empty: the same
  std::uint32_t count = 0;             ///< values of the axis
};

struct Followed {
  std::size_t step = 0;
  std::string port;  ///< empty for `after`
  bool gather = false;
  std::vector<Axis> axes;
  Index first = 0;

  /// How many tasks each reading task reads.
  [[nodiscard]] std::uint64_t width() const;
  /// Those that the reader's task with these positions of its variables reads, in order.
  [[nodiscard]] std::vector<Index> tasks(const std::vector<std::uint32_t>& positions) const;
};

/// Follows the link of an input. Complains (nothing is given then) of unknown nodes, ports and variables, of other values of the same
/// variable, and of a link that means many tasks without saying so.
[[nodiscard]] std::optional<Followed> follow_input(const Link& link, const StepDraft& reader, const Steps& steps,
                                                   Complaints& bad);
/// Follows an entry of `after`: without brackets all tasks, or, where both have the same variables, task by task.
[[nodiscard]] std::optional<Followed> follow_after(const Link& link, const StepDraft& reader, const Steps& steps,
                                                   Complaints& bad);

}  // namespace baton::formats
