#include "formats/follow_link.hpp"

#include <algorithm>

#include "formats/nearest.hpp"
#include "formats/scalars.hpp"

namespace baton::formats {
namespace {

std::vector<std::string_view> ports_of(const StepDraft& step) {
  std::vector<std::string_view> ports;
  for (const auto& output : step.step->outputs) ports.push_back(output.port);
  return ports;
}

std::vector<std::string_view> variables_of(const StepDraft& step) {
  std::vector<std::string_view> names;
  for (const auto& variable : step.foreach) names.push_back(variable.name);
  return names;
}

bool has_port(const StepDraft& step, std::string_view port) {
  const auto& outputs = step.step->outputs;
  return std::any_of(outputs.begin(), outputs.end(), [&](const auto& output) { return output.port == port; });
}

std::optional<std::size_t> variable_of(const StepDraft& step, std::string_view name) {
  for (std::size_t i = 0; i < step.foreach.size(); ++i) {
    if (step.foreach[i].name == name) return i;
  }
  return std::nullopt;
}

/// Follows one link; the members are what every message needs.
class Follower {
 public:
  Follower(const Link& link, const StepDraft& reader, const Steps& steps, Complaints& bad)
      : link_(link), reader_(reader), steps_(steps), bad_(bad) {}

  std::optional<Followed> input() {
    if (!link_.selectors.empty()) {
      if (!named_step(link_.head)) return std::nullopt;
      found_.port = link_.port;
      if (!has_port(target(), found_.port)) return complain_of_port();
    } else if (!split()) {
      return std::nullopt;
    }
    if (link_.selectors.empty()) return task_by_task();
    return selected();
  }

  std::optional<Followed> after() {
    if (!link_.port.empty()) {
      bad_.add("input.bad_value", link_.place, says() + ", but order is between nodes, not ports",
               "write " + link_.head + "[" + link_.inside + "]");
      return std::nullopt;
    }
    if (!named_step(link_.head)) return std::nullopt;
    if (!link_.selectors.empty()) return selected();
    auto theirs = variables_of(target()), ours = variables_of(reader_);
    std::sort(theirs.begin(), theirs.end());
    std::sort(ours.begin(), ours.end());
    if (theirs == ours && !ours.empty()) return task_by_task();
    return all_tasks();
  }

 private:
  [[nodiscard]] const StepDraft& target() const { return steps_.at(found_.step); }
  /// "'align' reads 'reads.r3'"
  [[nodiscard]] std::string says() const { return quote(reader_.name()) + " reads " + quote(link_.text); }

  bool named_step(std::string_view name) {
    const auto step = steps_.find(name);
    if (!step) {
      const auto known = steps_.names();
      bad_.add("input.unknown_node", link_.place, says() + ", but there is no node " + quote(name),
               suggestion("the nodes are", name, known));
      return false;
    }
    found_.step = *step;
    found_.first = steps_.first_task(*step);
    return true;
  }

  std::nullopt_t complain_of_port() {
    const auto ports = ports_of(target());
    const auto name = target().name();
    if (found_.port.empty()) {
      bad_.add("input.unknown_port", link_.place, says() + " without saying which output",
               suggestion(quote(name) + " gives", "", ports));
    } else {
      const auto gives = ports.empty() ? quote(name) + " has no outputs" : suggestion(quote(name) + " gives", found_.port, ports);
      bad_.add("input.unknown_port", link_.place, says() + ", but " + quote(name) + " has no output " + quote(found_.port),
               gives);
    }
    return std::nullopt;
  }

  /// `a.b.c`: ids may hold dots, so the first dot whose both sides are known counts, and a second such one is a riddle.
  bool split() {
    const std::string_view text = link_.head;
    std::optional<std::size_t> known_node, both;
    for (auto dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.', dot + 1)) {
      const auto step = steps_.find(text.substr(0, dot));
      if (!step) continue;
      known_node = dot;
      if (!has_port(steps_.at(*step), text.substr(dot + 1))) continue;
      if (both) {
        bad_.add("input.bad_value", link_.place, says() + ", which can be read in two ways",
                 "rename a node or a port: their dots collide");
        return false;
      }
      both = dot;
    }
    if (!both && steps_.find(text)) {  // a node alone
      (void)named_step(text);
      (void)complain_of_port();
      return false;
    }
    const auto dot = both ? both : known_node;
    const auto node = text.substr(0, dot ? *dot : text.rfind('.'));
    if (!named_step(node)) return false;
    found_.port = text.substr(*dot + 1);
    if (!both) (void)complain_of_port();
    return both.has_value();
  }

  Axis axis(std::size_t variable) const {
    Axis made;
    made.count = static_cast<std::uint32_t>(target().foreach[variable].values->values.size());
    return made;
  }

  std::optional<Followed> all_tasks() {
    for (std::size_t i = 0; i < target().foreach.size(); ++i) found_.axes.push_back(axis(i));
    return std::move(found_);
  }

  std::optional<Followed> task_by_task() {
    for (std::size_t i = 0; i < target().foreach.size(); ++i) {
      const auto& theirs = target().foreach[i];
      const auto ours = variable_of(reader_, theirs.name);
      if (!ours) {
        bad_.add("input.which_task", link_.place,
                 says() + ", but " + quote(target().name()) + " is a task for each " + quote(theirs.name) + ", and " +
                     quote(reader_.name()) + " has no such variable",
                 "write " + target().name() + "[*]." + found_.port + " for all of them, as a list");
        return std::nullopt;
      }
      if (!follow(i, *ours)) return std::nullopt;
    }
    return std::move(found_);
  }

  std::optional<Followed> selected() {
    const auto& variables = target().foreach;
    if (variables.empty()) {
      bad_.add("input.which_task", link_.place, says() + ", but " + quote(target().name()) + " is one task: it has no 'foreach'",
               "write " + target().name() + (found_.port.empty() ? "" : "." + found_.port));
      return std::nullopt;
    }
    auto selectors = link_.selectors;
    if (selectors.size() == 1 && selectors[0].kind == Selector::Kind::all) selectors.resize(variables.size(), selectors[0]);
    if (variables.size() == 1 && selectors.size() > 1)
      selectors = {{Selector::Kind::word, link_.inside}};  // its values may hold commas
    if (selectors.size() != variables.size()) {
      bad_.add("input.which_task", link_.place,
               says() + ", but " + quote(target().name()) + " has " + std::to_string(variables.size()) + " variables",
               "its variables are, in order: " + listed(variables_of(target())));
      return std::nullopt;
    }
    for (std::size_t i = 0; i < selectors.size(); ++i) {
      if (!select(i, selectors[i])) return std::nullopt;
    }
    if (found_.gather && !found_.port.empty() && found_.width() == 0) return gathers_nothing();
    return std::move(found_);
  }

  std::nullopt_t gathers_nothing() {
    std::string empty;
    for (const auto& variable : target().foreach) {
      if (variable.values->values.empty()) empty = variable.name;
    }
    bad_.add("input.gather_of_nothing", link_.place,
             says() + ", but " + quote(target().name()) + " has no task: " + quote(empty) + " has no values",
             "give " + quote(empty) + " a value, or leave the input out");
    return std::nullopt;
  }

  bool select(std::size_t variable, const Selector& selector) {
    if (selector.kind == Selector::Kind::all) {
      found_.axes.push_back(axis(variable));
      found_.gather = true;
      return true;
    }
    if (selector.kind == Selector::Kind::variable) {
      const auto ours = variable_of(reader_, selector.text);
      if (ours) return follow(variable, *ours);
      bad_.add_in("input.unknown_variable", link_.place, "${foreach." + selector.text + "}",
                  says() + ", but " + quote(reader_.name()) + " has no variable " + quote(selector.text),
                  suggestion("its variables are", selector.text, variables_of(reader_)));
      return false;
    }
    const auto& words = target().foreach[variable].values->words;
    const auto word = std::find(words.begin(), words.end(), selector.text);
    if (word == words.end()) return complain_of_value(selector.text, variable);
    auto made = axis(variable);
    made.kind = Axis::Kind::one;
    made.value = static_cast<std::uint32_t>(word - words.begin());
    found_.axes.push_back(std::move(made));
    return true;
  }

  bool complain_of_value(const std::string& word, std::size_t variable) {
    const auto& theirs = target().foreach[variable];
    const std::vector<std::string_view> words(theirs.values->words.begin(), theirs.values->words.end());
    bad_.add("input.which_task", link_.place,
             says() + ", but " + quote(theirs.name) + " of " + quote(target().name()) + " has no value " + quote(word),
             suggestion("its values are", word, words));
    return false;
  }

  /// Their variable takes the value that ours has.
  bool follow(std::size_t variable, std::size_t ours) {
    auto made = axis(variable);
    made.kind = Axis::Kind::follow;
    made.variable = ours;
    const auto& theirs = target().foreach[variable];
    const auto& mine = reader_.foreach[ours];
    if (theirs.values != mine.values && theirs.values->words != mine.values->words) {
      if (theirs.name == mine.name && theirs.values->words.size() != mine.values->words.size())
        return complain_of_mismatch(theirs, mine);
      std::unordered_map<std::string_view, std::uint32_t> position;
      for (const auto& word : theirs.values->words) position.emplace(word, static_cast<std::uint32_t>(position.size()));
      for (const auto& word : mine.values->words) {
        const auto found = position.find(word);
        if (found == position.end())
          return theirs.name == mine.name ? complain_of_mismatch(theirs, mine) : complain_of_value(word, variable);
        made.mapping.push_back(found->second);
      }
    }
    found_.axes.push_back(std::move(made));
    return true;
  }

  bool complain_of_mismatch(const Variable& theirs, const Variable& mine) {
    const auto values = [](const Variable& variable) {
      const auto& words = variable.values->words;
      return words.empty() ? "no values" : listed(std::vector<std::string_view>(words.begin(), words.end()));
    };
    bad_.add("input.foreach_mismatch", link_.place,
             says() + " by the variable " + quote(mine.name) + ", but the two have different values of it",
             quote(target().name()) + " has " + values(theirs) + "; " + quote(reader_.name()) + " has " + values(mine));
    return false;
  }

  const Link& link_;
  const StepDraft& reader_;
  const Steps& steps_;
  Complaints& bad_;
  Followed found_;
};

}  // namespace

Steps::Steps(const std::vector<StepDraft>& steps) : steps_(&steps) {
  Index next = 0;
  by_name_.reserve(steps.size());
  first_.reserve(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    by_name_.emplace(steps[i].name(), i);
    first_.push_back(next);
    next += static_cast<Index>(task_count(steps[i], UINT32_MAX / 2));
  }
}

std::optional<std::size_t> Steps::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string_view> Steps::names() const {
  std::vector<std::string_view> names;
  for (const auto& step : *steps_) names.push_back(step.name());
  return names;
}

std::uint64_t task_count(const StepDraft& step, std::uint64_t max) {
  std::uint64_t count = 1;
  for (const auto& variable : step.foreach) {
    if (variable.values->values.empty()) return 0;  // whatever the others have
    count = std::min(count * variable.values->values.size(), max + 1);
  }
  return count;
}

std::uint64_t Followed::width() const {
  std::uint64_t width = 1;
  for (const auto& one : axes) width *= one.kind == Axis::Kind::all ? one.count : 1;
  return width;
}

std::vector<Index> Followed::tasks(const std::vector<std::uint32_t>& positions) const {
  std::vector<Index> tasks{0};
  for (const auto& one : axes) {
    if (one.kind == Axis::Kind::all) {
      std::vector<Index> all;
      all.reserve(tasks.size() * one.count);
      for (const auto task : tasks) {
        for (std::uint32_t value = 0; value < one.count; ++value) all.push_back(task * one.count + value);
      }
      tasks = std::move(all);
      continue;
    }
    auto value = one.value;
    if (one.kind == Axis::Kind::follow)
      value = one.mapping.empty() ? positions[one.variable] : one.mapping[positions[one.variable]];
    for (auto& task : tasks) task = task * one.count + value;
  }
  for (auto& task : tasks) task += first;
  return tasks;
}

std::optional<Followed> follow_input(const Link& link, const StepDraft& reader, const Steps& steps, Complaints& bad) {
  return Follower(link, reader, steps, bad).input();
}

std::optional<Followed> follow_after(const Link& link, const StepDraft& reader, const Steps& steps, Complaints& bad) {
  return Follower(link, reader, steps, bad).after();
}

}  // namespace baton::formats
