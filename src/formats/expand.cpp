#include "formats/expand.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "core/dag.hpp"
#include "core/substitute.hpp"
#include "formats/follow_link.hpp"
#include "formats/nearest.hpp"
#include "formats/read_ports.hpp"

namespace baton::formats {
namespace {

/// What all tasks of a step share, ready to be copied.
struct Recipe {
  std::vector<std::pair<std::string, core::Value>> params;
  std::vector<std::optional<Followed>> inputs;  ///< parallel to StepDraft::inputs; none: not a link
  std::vector<Followed> after;
};

bool within_tasks(const std::vector<StepDraft>& steps, Complaints& bad) {
  std::uint64_t tasks = 0;
  for (const auto& step : steps) {
    tasks += task_count(step, tasks_max);
    if (tasks <= tasks_max) continue;
    bad.add("input.too_many_tasks", step.place(),
            "with " + quote(step.name()) + " the pipeline has more than " + std::to_string(tasks_max) + " tasks",
            "split it, or let a task do more than one thing");
    return false;
  }
  return true;
}

/// Looks each `${…}` of a command and its environment up, and gathers the parameters that they name.
class References {
 public:
  References(const StepDraft& step, const Params& params, Complaints& bad) : step_(step), params_(params), bad_(bad) {}

  std::vector<std::pair<std::string, core::Value>> check() {
    for (const auto& word : step_.command) check(word);
    for (const auto& [name, text] : step_.env) check(text);
    std::vector<std::pair<std::string, core::Value>> used;
    for (const auto& name : used_) used.emplace_back(name, params_.find(name)->second.value);
    return used;
  }

 private:
  void check(const Template& text) {
    if (text.text.find("${") == std::string::npos) return;
    for (const auto& reference : core::references(text.text)) {
      if (!bad_.any()) check(text, reference);
    }
  }

  void check(const Template& text, const core::Reference& reference) {
    const auto& [space, name, at] = reference;
    const auto written = "${" + space + "." + name + "}";
    std::vector<std::string_view> known;
    if (space == "params") {
      if (find_param(name, text.place, written, quote(step_.name()), params_, bad_) != nullptr) used_.insert(name);
    } else if (space == "inputs") {
      for (const auto& input : step_.inputs) known.push_back(input.port);
      must_be_known(text, written, name, known, "input.unknown_port", "input");
    } else if (space == "outputs") {
      for (const auto& output : step_.step->outputs) known.push_back(output.port);
      must_be_known(text, written, name, known, "input.unknown_port", "output");
      must_be_path(text, written, name);
    } else if (space == "foreach") {
      for (const auto& variable : step_.foreach) known.push_back(variable.name);
      must_be_known(text, written, name, known, "input.unknown_variable", "variable");
    } else if (space == "resources") {
      for (const auto& [resource, amount] : step_.step->resources) known.push_back(resource);
      must_be_known(text, written, name, known, "input.unknown_resource", "resource");
    }
  }

  void must_be_known(const Template& text, const std::string& written, std::string_view name,
                     const std::vector<std::string_view>& known, std::string_view code, const std::string& what) {
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    bad_.add_in(code, text.place, written,
                quote(step_.name()) + " uses '" + written + "', but has no " + what + " " + quote(name),
                suggestion("its " + what + "s are", name, known));
  }

  /// A value output has no path: it is written into the file that BATON_OUTPUTS names.
  void must_be_path(const Template& text, const std::string& written, std::string_view name) {
    for (const auto& output : step_.step->outputs) {
      if (output.port != name || is_path(output.kind)) continue;
      bad_.add_in("input.bad_value", text.place, written,
                  quote(step_.name()) + " uses '" + written + "', but that output is a value, not a file",
                  "write it, as JSON, into the file that BATON_OUTPUTS names");
    }
  }

  const StepDraft& step_;
  const Params& params_;
  Complaints& bad_;
  std::set<std::string> used_;
};

class Expansion {
 public:
  Expansion(const std::vector<StepDraft>& steps, const Params& params, Complaints& bad)
      : drafts_(steps), params_(params), bad_(bad), steps_(steps) {}

  std::vector<core::Node> nodes() {
    std::vector<Recipe> recipes;
    recipes.reserve(drafts_.size());
    for (const auto& draft : drafts_) {
      if (bad_.any()) return {};
      recipes.push_back(recipe(draft));
    }
    std::vector<core::Node> nodes;
    std::uint64_t tasks = 0;
    for (const auto& draft : drafts_) tasks += task_count(draft, tasks_max);
    nodes.reserve(tasks);
    for (std::size_t i = 0; i < drafts_.size() && !bad_.any(); ++i) add_tasks(drafts_[i], recipes[i], nodes);
    if (!bad_.any() && may_have_cycle(recipes)) refuse_cycle(nodes, recipes);
    return nodes;
  }

 private:
  Recipe recipe(const StepDraft& draft) {
    Recipe made;
    made.params = References(draft, params_, bad_).check();
    for (const auto& input : draft.inputs) {
      const auto* link = std::get_if<Link>(&input.source);
      made.inputs.push_back(link != nullptr && !bad_.any() ? follow_input(*link, draft, steps_, bad_) : std::nullopt);
      if (made.inputs.back()) count_edges(draft, *link, *made.inputs.back());
    }
    for (const auto& link : draft.after) {
      if (bad_.any()) break;
      auto followed = follow_after(link, draft, steps_, bad_);
      if (!followed) break;
      count_edges(draft, link, *followed);
      made.after.push_back(std::move(*followed));
    }
    count_bytes(draft, made);
    return made;
  }

  void count_edges(const StepDraft& draft, const Link& link, const Followed& followed) {
    edges_ += task_count(draft, tasks_max) * followed.width();
    if (edges_ <= edges_max) return;
    bad_.add("input.too_many_edges", link.place,
             "with this link the pipeline has more than " + std::to_string(edges_max) + " links between tasks",
             "gather in one node, and let the others read that");
  }

  /// Each task has its own copy of what it is given: a megabyte given to 100 000 tasks would be 100 GB.
  void count_bytes(const StepDraft& draft, const Recipe& made) {
    std::uint64_t each = draft.name().size();
    for (const auto& input : draft.inputs) each += input.port.size() + bytes_of(input);
    for (const auto& [name, value] : made.params) each += name.size() + value.json.size();
    std::uint64_t longest = 0;
    for (const auto& variable : draft.foreach) {
      std::uint64_t word = 0;
      for (const auto& value : variable.values->values) word = std::max<std::uint64_t>(word, value.json.size());
      longest += 2 * word + variable.name.size();
    }
    bytes_ += task_count(draft, tasks_max) * (each + longest);
    if (bytes_ <= expanded_bytes_max) return;
    bad_.add("input.too_big", draft.place(),
             "with " + quote(draft.name()) + " what the tasks are given is more than " +
                 std::to_string(expanded_bytes_max >> 20U) + " MiB",
             "give large values as a file");
  }

  [[nodiscard]] std::uint64_t bytes_of(const InputDraft& input) const {
    if (const auto* literal = std::get_if<core::Literal>(&input.source)) return literal->value.json.size();
    if (const auto* file = std::get_if<core::FileInput>(&input.source)) return file->path.size();
    if (const auto* param = std::get_if<ParamLink>(&input.source)) return params_.find(param->name)->second.value.json.size();
    return 0;
  }

  void add_tasks(const StepDraft& draft, const Recipe& recipe, std::vector<core::Node>& nodes) {
    const auto count = task_count(draft, tasks_max);
    const auto first = nodes.size();
    std::vector<std::uint32_t> positions(draft.foreach.size(), 0);
    for (std::uint64_t i = 0; i < count; ++i) {
      nodes.push_back(task(draft, recipe, positions));
      for (auto at = positions.size(); at-- > 0;) {  // the last variable runs fastest
        if (++positions[at] < draft.foreach[at].values->values.size()) break;
        positions[at] = 0;
      }
    }
    if (draft.foreach.size() > 1) check_ids(draft, nodes, first);
  }

  core::Node task(const StepDraft& draft, const Recipe& recipe, const std::vector<std::uint32_t>& positions) {
    core::Node node;
    node.step = draft.step;
    node.params = recipe.params;
    std::string id = draft.name();
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const auto& variable = draft.foreach[i];
      node.foreach.emplace_back(variable.name, variable.values->values[positions[i]]);
      id.append(i == 0 ? "[" : ",").append(variable.values->words[positions[i]]);
    }
    node.id = NodeId(positions.empty() ? id : id + "]");
    node.inputs.reserve(draft.inputs.size());
    for (std::size_t i = 0; i < draft.inputs.size(); ++i)
      node.inputs.push_back(input(draft.inputs[i], recipe.inputs[i], positions));
    for (const auto& followed : recipe.after) {
      const auto tasks = followed.tasks(positions);
      node.after.insert(node.after.end(), tasks.begin(), tasks.end());
    }
    if (recipe.after.size() > 1) {
      std::sort(node.after.begin(), node.after.end());
      node.after.erase(std::unique(node.after.begin(), node.after.end()), node.after.end());
    }
    return node;
  }

  [[nodiscard]] core::Input input(const InputDraft& draft, const std::optional<Followed>& followed,
                                  const std::vector<std::uint32_t>& positions) const {
    core::Input made{draft.port, {}};
    if (followed) {
      core::From from;
      from.gather = followed->gather;
      for (const auto task : followed->tasks(positions)) from.sources.push_back({task, followed->port, nullptr});
      made.source = std::move(from);
    } else if (const auto* param = std::get_if<ParamLink>(&draft.source)) {
      made.source = core::Param{param->name, params_.find(param->name)->second.value};
    } else if (const auto* file = std::get_if<core::FileInput>(&draft.source)) {
      made.source = *file;
    } else if (const auto* literal = std::get_if<core::Literal>(&draft.source)) {
      made.source = *literal;
    }
    return made;
  }

  /// `a,b` and `c` are joined as `a` and `b,c` are.
  void check_ids(const StepDraft& draft, const std::vector<core::Node>& nodes, std::size_t first) {
    std::set<std::string_view> seen;
    for (auto i = first; i < nodes.size(); ++i) {
      if (seen.insert(nodes[i].id.value()).second) continue;
      bad_.add("input.duplicate", draft.foreach.front().place,
               "two tasks of " + quote(draft.name()) + " are both called " + quote(nodes[i].id.value()),
               "its values hold commas: leave them out of all variables but one");
      return;
    }
  }

  /// Of the steps: cheap, and where there is none the tasks have none.
  [[nodiscard]] bool may_have_cycle(const std::vector<Recipe>& recipes) const {
    std::vector<std::vector<Index>> readers(recipes.size());
    for (std::size_t i = 0; i < recipes.size(); ++i) {
      for (const auto& input : recipes[i].inputs) {
        if (input) readers[input->step].push_back(static_cast<Index>(i));
      }
      for (const auto& after : recipes[i].after) readers[after.step].push_back(static_cast<Index>(i));
    }
    const auto dag = core::dag_from_successors(std::move(readers));
    return dag.size() > 0 && core::topological_order(dag).empty();
  }

  void refuse_cycle(const std::vector<core::Node>& nodes, const std::vector<Recipe>& recipes) {
    core::Project project;
    project.nodes = nodes;
    const auto cycle = core::find_cycle(core::dag_of(project));
    if (!cycle) return;
    constexpr std::size_t named_max = 12;
    std::string path;
    for (std::size_t i = 0; i < cycle->size() && i < named_max; ++i) path += nodes[(*cycle)[i]].id.value() + " -> ";
    path += cycle->size() > named_max ? "… -> " : "";
    path += nodes[cycle->front()].id.value();
    bad_.add("input.cycle", link_place(*cycle, nodes, recipes), "the nodes wait for each other in a circle: " + path,
             "an arrow leads to the node that reads; take one of them away");
  }

  /// Where the first node of the cycle names the step of the last.
  [[nodiscard]] core::Place link_place(const std::vector<Index>& cycle, const std::vector<core::Node>& nodes,
                                       const std::vector<Recipe>& recipes) const {
    const auto reader = *steps_.find(nodes[cycle.front()].step->name);
    const auto read = *steps_.find(nodes[cycle.back()].step->name);
    const auto& draft = drafts_[reader];
    for (std::size_t i = 0; i < draft.inputs.size(); ++i) {
      const auto& followed = recipes[reader].inputs[i];
      if (followed && followed->step == read) return std::get<Link>(draft.inputs[i].source).place;
    }
    for (std::size_t i = 0; i < draft.after.size(); ++i) {
      if (recipes[reader].after[i].step == read) return draft.after[i].place;
    }
    return draft.place();
  }

  const std::vector<StepDraft>& drafts_;
  const Params& params_;
  Complaints& bad_;
  Steps steps_;
  std::uint64_t edges_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::vector<core::Node> expand(const std::vector<StepDraft>& steps, const Params& params, Complaints& bad) {
  if (!within_tasks(steps, bad)) return {};
  return Expansion(steps, params, bad).nodes();
}

}  // namespace baton::formats
