#include "store/postgres/reference_run.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/dag.hpp"
#include "core/json_reader.hpp"
#include "core/key.hpp"
#include "core/substitute.hpp"
#include "store/codec/codec.hpp"

namespace baton::store {
namespace {

constexpr std::size_t tasks_max = 100'000;  // as of a document
constexpr double ram_default = 128.0 * 1024 * 1024;

/// The run is none of ours. Leaves this room as run.not_adopted only.
struct Broken {
  std::string what;
};
/// The run is, this node of it cannot be run. Leaves this room as the description of its step only.
struct NotRunnable {
  std::string why;
};

std::string quote(std::string_view text) { return "'" + std::string(text) + "'"; }

// ---- JSON -------------------------------------------------------------------------------------------------------------------
/// Members in the order of their first mention, each with its last value, as written: what a Python dictionary holds.
using Members = std::vector<std::pair<std::string, std::string_view>>;

std::optional<Members> members_of(std::string_view json) {
  core::JsonReader in(json);
  if (!in.take('{')) return std::nullopt;
  Members members;
  if (in.take('}')) return members;
  std::map<std::string, std::size_t> places;
  do {
    auto name = in.string();
    if (!name || !in.take(':')) return std::nullopt;
    const auto value = in.value();
    if (!value) return std::nullopt;
    const auto [place, is_new] = places.try_emplace(*name, members.size());
    if (is_new)
      members.emplace_back(std::move(*name), *value);
    else
      members[place->second].second = *value;
  } while (in.take(','));
  if (!in.take('}')) return std::nullopt;
  return members;
}

std::optional<std::vector<std::string>> texts_of(std::string_view json) {
  core::JsonReader in(json);
  if (!in.take('[')) return std::nullopt;
  std::vector<std::string> texts;
  if (in.take(']')) return texts;
  do {
    auto text = in.string();
    if (!text) return std::nullopt;
    texts.push_back(std::move(*text));
  } while (in.take(','));
  if (!in.take(']')) return std::nullopt;
  return texts;
}

std::string_view view_of(const std::optional<std::string>& json) { return json ? std::string_view(*json) : std::string_view(); }

/// Empty: there is none, or it is null.
std::string_view member(const Members& members, std::string_view name) {
  const auto found = std::ranges::find(members, name, &Members::value_type::first);
  return found == members.end() || found->second == "null" ? std::string_view() : found->second;
}

/// Empty: there is none, or it is no text.
std::string text_member(const Members& members, std::string_view name) {
  return core::JsonReader(member(members, name)).string().value_or("");
}

/// What is not there is an empty object.
Members object_of(std::string_view json, const std::string& what) {
  if (json.empty() || json == "null") return {};
  auto members = members_of(json);
  if (!members) throw Broken{what + " not an object"};
  return std::move(*members);
}

std::optional<core::Value> canonical(std::string_view json) {
  if (!core::JsonReader(json).value()) return std::nullopt;  // too deep for what follows
  const auto value = nlohmann::json::parse(json, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return core::Value{value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

// ---- the graph ----------------------------------------------------------------------------------------------------------------
struct Graph {
  std::vector<std::string> nodes;  ///< in the order of their mention
  std::map<std::string, Index> index;
  std::vector<std::pair<Index, Index>> edges;
};

Graph graph_of(std::string_view dag) {
  const Broken wrong{"its DAG is not an object of lists of nodes"};
  const auto lists = dag.empty() ? std::optional(Members()) : members_of(dag);
  if (!lists) throw wrong;
  Graph graph;
  const auto add = [&graph](const std::string& node) {
    if (node.empty()) throw Broken{"its DAG has a node without a name"};
    const auto [place, is_new] = graph.index.try_emplace(node, static_cast<Index>(graph.nodes.size()));
    if (is_new) graph.nodes.push_back(node);
    if (graph.nodes.size() > tasks_max) throw Broken{"it has more than 100 000 nodes"};
    return place->second;
  };
  for (const auto& [node, list] : *lists) add(node);
  for (Index before = 0; before < lists->size(); ++before) {
    const auto followers = texts_of((*lists)[before].second);
    if (!followers) throw wrong;
    for (const auto& after : *followers) graph.edges.emplace_back(before, add(after));
  }
  if (graph.nodes.empty()) throw Broken{"it has no node"};
  return graph;
}

// ---- a step -------------------------------------------------------------------------------------------------------------------
/// A node under construction. `why_not` is there: it cannot be run.
struct Draft {
  const ReferenceRow* row = nullptr;
  core::Step step;
  std::vector<core::Input> inputs;
  bool is_ours = false;
  std::optional<std::string> why_not;
};

double amount(const Members& requirements, std::string_view name, double otherwise) {
  const auto written = member(requirements, name);
  if (written.empty()) return otherwise;
  double number = -1;
  const auto* const end = written.data() + written.size();
  const auto read = std::from_chars(written.data(), end, number);
  constexpr double most = 9'007'199'254'740'992;  // 2^53, as in a document
  if (read.ec != std::errc() || read.ptr != end || !(number >= 0 && number <= most))
    throw NotRunnable{"it requires a " + std::string(name) + " of " + std::string(written.substr(0, 80))};
  return number;
}

core::Resources resources_of(const Members& image) {
  const auto required = members_of(member(image, "node_requirements")).value_or(Members());
  const bool is_told = !required.empty();
  const auto gpu = amount(required, "GPU", !is_told && member(image, "requires_gpu") == "true" ? 1 : 0);
  core::Resources resources{{"cpu", amount(required, "CPU", 1)}, {"ram", amount(required, "RAM", is_told ? 0 : ram_default)}};
  if (resources["ram"] == 0) resources.erase("ram");
  if (gpu > 0) resources["gpu"] = gpu;
  return resources;
}

void read_command(const Members& image, core::Step& step) {
  auto words = texts_of(member(image, "command"));
  if (!words || words->empty()) throw NotRunnable{"its command is not a list of words"};
  for (const auto& word : *words)
    if (word.find('\0') != std::string::npos) throw NotRunnable{"its command holds a NUL"};
  step.command.words = std::move(*words);
}

void read_environment(const Members& image, core::Step& step) {
  const auto written = member(image, "envs");
  if (written.empty()) return;
  const auto variables = members_of(written);
  if (!variables) throw NotRunnable{"its envs are not an object"};
  for (const auto& [name, json] : *variables) {
    const bool is_name = !name.empty() && name.find_first_of(std::string_view("=\0", 2)) == std::string::npos;
    if (!is_name || name.starts_with("BATON_")) throw NotRunnable{quote(name) + " cannot be the name of an environment variable"};
    auto text = json.front() == '"' ? core::JsonReader(json).string() : std::optional(std::string(json));
    const bool is_text = text && json.front() != '[' && json.front() != '{' && text->find('\0') == std::string::npos;
    if (!is_text) throw NotRunnable{"its variable " + quote(name) + " is no text"};
    step.env[name] = std::move(*text);
  }
}

/// The name without `.` and doubled `/`. None: it leaves the work directory, or is no name there.
std::optional<std::string> file_name(std::string_view written) {
  constexpr std::size_t path_bytes_max = 4000, part_bytes_max = 255, parts_max = 64;
  if (written.empty() || written.front() == '/' || written.size() > path_bytes_max) return std::nullopt;
  if (written.find('\0') != std::string_view::npos) return std::nullopt;
  std::string name;
  std::size_t parts = 0;
  for (std::size_t start = 0; start <= written.size();) {
    const auto end = std::min(written.find('/', start), written.size());
    const auto part = written.substr(start, end - start);
    start = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == ".." || part.size() > part_bytes_max || ++parts > parts_max) return std::nullopt;
    name.append(name.empty() ? "" : "/").append(part);
  }
  return name.empty() ? std::nullopt : std::optional(name);
}

/// The file that `port` is: the one that the map gives to it, else one of its own name.
std::string file_of_port(const Members& declared, const std::string& port) {
  for (const auto& [file, key] : members_of(member(declared, "fileToKeyMap")).value_or(Members()))
    if (core::JsonReader(key).string() == port) return file;
  return port;
}

core::Output output_of(const std::string& port, const Members& declared) {
  static const std::map<std::string_view, core::OutputKind> kinds{{"number", core::OutputKind::number},
                                                                  {"integer", core::OutputKind::integer},
                                                                  {"boolean", core::OutputKind::boolean},
                                                                  {"string", core::OutputKind::string},
                                                                  {"ref_contentSchema", core::OutputKind::json}};
  const auto type = text_member(declared, "type");
  if (const auto kind = kinds.find(type); kind != kinds.end()) return {.port = port, .kind = kind->second, .name = {}};
  if (!type.starts_with("data:"))
    throw NotRunnable{"its output " + quote(port) + " is of the type " + quote(type) + ", which Baton does not know"};
  const auto written = file_of_port(declared, port);
  auto name = file_name(written);
  if (!name)
    throw NotRunnable{"the file " + quote(written) + " of its output " + quote(port) + " does not lie in the work directory"};
  return {.port = port, .kind = core::OutputKind::file, .name = std::move(*name)};
}

void check_files(const std::vector<core::Output>& outputs) {
  std::map<std::string, const core::Output*> files;
  const auto clash = [](const core::Output& one, const core::Output& other) {
    throw NotRunnable{"its outputs " + quote(one.port) + " and " + quote(other.port) + " are one file, or one lies in the other"};
  };
  for (const auto& output : outputs) {
    if (!core::is_path(output.kind)) continue;
    const auto [there, is_new] = files.try_emplace(output.name, &output);
    if (!is_new) clash(*there->second, output);
  }
  for (const auto& [name, output] : files)
    for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
      if (const auto around = files.find(name.substr(0, slash)); around != files.end()) clash(*around->second, *output);
}

void read_outputs(const Members& declared, core::Step& step) {
  for (const auto& [port, json] : declared) step.outputs.push_back(output_of(port, members_of(json).value_or(Members())));
  check_files(step.outputs);
}

std::string of_node(const ReferenceRow& row) { return " of node " + quote(row.node); }

Members image_of(const ReferenceRow& row) {
  auto image = members_of(view_of(row.image));
  if (!image) throw Broken{"the image" + of_node(row) + " is not an object"};
  return std::move(*image);
}

/// One side of the schema: `inputs`, `outputs`.
Members ports_of(const ReferenceRow& row, std::string_view side) {
  const auto schema = object_of(view_of(row.schema), "the schema" + of_node(row) + " is");
  return object_of(member(schema, side), "the " + std::string(side) + " in the schema" + of_node(row) + " are");
}

Draft draft_of(const ReferenceRow& row, std::int32_t retries_lost) {
  Draft draft{.row = &row};
  draft.step.retries.lost = retries_lost;
  draft.step.name = row.node;
  draft.step.command.shell = false;
  const auto image = image_of(row);
  const auto service = text_member(image, "name");
  draft.is_ours = service == step_service;
  if (!draft.is_ours) {
    draft.step.image = service + ":" + text_member(image, "tag");
    return draft;
  }
  const auto outputs = ports_of(row, "outputs");
  try {
    read_command(image, draft.step);
    read_environment(image, draft.step);
    draft.step.resources = resources_of(image);
    read_outputs(outputs, draft.step);
  } catch (NotRunnable& reason) {
    draft.why_not = std::move(reason.why);
  }
  return draft;
}

// ---- inputs -------------------------------------------------------------------------------------------------------------------
struct Link {
  std::string node, port;
};

std::optional<Link> link_of(const Members& value) {
  Link link{text_member(value, "nodeUuid"), text_member(value, "output")};
  return link.node.empty() || link.port.empty() ? std::nullopt : std::optional(std::move(link));
}
bool is_file(const Members& value) {
  return !member(value, "downloadLink").empty() || (!member(value, "store").empty() && !member(value, "path").empty());
}

class Reader {
 public:
  explicit Reader(const ReferenceRun& run) : graph_(graph_of(run.dag)) {
    for (const auto& row : run.nodes) rows_.try_emplace(row.node, &row);
    drafts_.reserve(graph_.nodes.size());
    for (const auto& node : graph_.nodes) {
      const auto row = rows_.find(node);
      if (row == rows_.end()) throw Broken{"node " + quote(node) + " of its DAG has no row"};
      drafts_.push_back(draft_of(*row->second, run.retries_lost));
    }
  }

  std::vector<core::TaskDefinition> tasks() {
    for (auto& draft : drafts_)
      if (draft.is_ours) read_inputs(draft);
    std::vector<core::TaskDefinition> tasks;
    tasks.reserve(drafts_.size());
    for (auto& draft : drafts_) tasks.push_back(task_of(draft));
    add_order(tasks);
    check_order(tasks);
    for (auto& task : tasks) {
      task.key.definition = core::definition_digest(task.node, {});
      for (const auto& input : task.node.inputs) task.key.inputs[input.port] = digest_of(input);
    }
    return tasks;
  }

 private:
  void read_inputs(Draft& draft) const {
    const auto given = object_of(view_of(draft.row->inputs), "the inputs" + of_node(*draft.row) + " are");
    const auto declared = ports_of(*draft.row, "inputs");
    if (draft.why_not) return;
    try {
      for (const auto& [port, value] : given)
        if (value != "null") draft.inputs.push_back(input_of(port, value));
      for (const auto& [port, json] : declared) {
        const auto value = member(members_of(json).value_or(Members()), "defaultValue");
        if (!value.empty() && member(given, port).empty()) draft.inputs.push_back(input_of(port, value));
      }
      check_references(draft);
    } catch (NotRunnable& reason) {
      draft.why_not = std::move(reason.why);
    }
  }

  [[nodiscard]] core::Input input_of(const std::string& port, std::string_view json) const {
    const auto object = members_of(json);
    if (object && is_file(*object)) throw a_file(port);
    if (const auto link = object ? link_of(*object) : std::nullopt)
      return {port, core::From{.sources = {source_of(port, *link)}}};
    auto value = canonical(json);
    if (!value) throw NotRunnable{"its input " + quote(port) + " has a value that cannot be held"};
    return {port, core::Literal{std::move(*value)}};
  }

  [[nodiscard]] core::From::Source source_of(const std::string& port, const Link& link) const {
    const auto inside = graph_.index.find(link.node);
    if (inside == graph_.index.end()) return {.node = 0, .port = link.port, .given = given_by(port, link)};
    const auto& producer = drafts_[inside->second];
    const auto& outputs = producer.step.outputs;
    // One that never succeeds is waited for in vain, whatever it would have made.
    const bool may_succeed = producer.is_ours && !producer.why_not;
    if (may_succeed && std::ranges::find(outputs, link.port, &core::Output::port) == outputs.end())
      throw NotRunnable{is_output(port, link) + ", which declares none"};
    return {.node = inside->second, .port = link.port, .given = nullptr};
  }

  /// What a node that is not in the run has made.
  [[nodiscard]] std::shared_ptr<const core::Product> given_by(const std::string& port, const Link& link) const {
    const auto row = rows_.find(link.node);
    const auto outputs = row == rows_.end() ? std::nullopt : members_of(view_of(row->second->outputs));
    const auto json = outputs ? member(*outputs, link.port) : std::string_view();
    if (json.empty()) throw NotRunnable{is_output(port, link) + ", which is not in the run and has none"};
    if (const auto object = members_of(json); object && is_file(*object)) {
      auto file = file_of_ours(*row->second, link.port, text_member(*object, "path"));
      if (!file) throw a_file(port);
      return file;
    }
    auto value = canonical(json);
    if (!value) throw NotRunnable{"its input " + quote(port) + " has a value that cannot be held"};
    return std::make_shared<const core::Product>(core::Product{link.port, std::move(*value)});
  }

  /// None: we did not make it, or it is not what we made any more.
  static std::shared_ptr<const core::Product> file_of_ours(const ReferenceRow& row, const std::string& port,
                                                           const std::string& path) {
    if (!row.success) return nullptr;
    const auto success = success_from(*row.success);
    if (!success) return nullptr;
    const auto product = std::ranges::find(success->products, port, &core::Product::port);
    if (product == success->products.end()) return nullptr;
    const auto* stamp = std::get_if<core::Stamp>(&product->content);
    return stamp && stamp->path == path ? std::make_shared<const core::Product>(*product) : nullptr;
  }

  static std::string is_output(const std::string& port, const Link& link) {
    return "its input " + quote(port) + " is the output " + quote(link.port) + " of node " + quote(link.node);
  }
  static NotRunnable a_file(const std::string& port) {
    return {"its input " + quote(port) + " is a file of the reference's store, and Baton moves no files"};
  }

  static void check_references(const Draft& draft) {
    for (const auto& word : draft.step.command.words) check_references(draft, word);
    for (const auto& [name, text] : draft.step.env) check_references(draft, text);
  }
  static void check_references(const Draft& draft, std::string_view text) {
    const auto& outputs = draft.step.outputs;
    for (const auto& [space, name, at] : core::references(text)) {
      if (space == "node" || space == "resources") continue;
      const bool has = (space == "inputs" && std::ranges::find(draft.inputs, name, &core::Input::port) != draft.inputs.end()) ||
                       (space == "outputs" && std::ranges::find(outputs, name, &core::Output::port) != outputs.end());
      if (!has) throw NotRunnable{"it names " + quote(space + "." + name) + ", which it does not have"};
    }
  }

  static core::TaskDefinition task_of(Draft& draft) {
    if (draft.why_not) {
      draft.step = {.name = draft.step.name, .description = std::move(*draft.why_not)};
      draft.step.command.shell = false;
      draft.inputs.clear();
    }
    core::TaskDefinition task;
    task.node.id = NodeId(draft.row->node);
    task.node.step = std::make_shared<const core::Step>(std::move(draft.step));
    task.node.inputs = std::move(draft.inputs);
    task.reasons = {{.kind = core::ReasonKind::forced, .port = {}, .detail = "who inserted the run asked for it"}};
    return task;
  }

  /// Edges that are no links.
  void add_order(std::vector<core::TaskDefinition>& tasks) const {
    std::vector<std::set<Index>> before(tasks.size());
    for (const auto& [first, then] : graph_.edges) before[then].insert(first);
    for (Index i = 0; i < tasks.size(); ++i) {
      for (const auto linked : core::predecessors(tasks[i].node)) before[i].erase(linked);
      tasks[i].node.after.assign(before[i].begin(), before[i].end());
    }
  }

  static void check_order(const std::vector<core::TaskDefinition>& tasks) {
    std::vector<std::vector<Index>> successors(tasks.size());
    for (Index i = 0; i < tasks.size(); ++i)
      for (const auto before : core::predecessors(tasks[i].node)) successors[before].push_back(i);
    const auto cycle = core::find_cycle(core::dag_from_successors(std::move(successors)));
    if (!cycle) return;
    constexpr std::size_t named_max = 20;
    std::string names;
    for (std::size_t i = 0; i < cycle->size() && i < named_max; ++i)
      names += (i == 0 ? "" : ", ") + tasks[(*cycle)[i]].node.id.value();
    throw Broken{"its nodes wait for each other: " + names + (cycle->size() > named_max ? ", …" : "")};
  }

  /// As the planner does it; empty: not known before the run.
  static std::string digest_of(const core::Input& input) {
    if (const auto* literal = std::get_if<core::Literal>(&input.source)) return core::sha256(literal->value.json);
    const auto& source = std::get<core::From>(input.source).sources.front();
    return source.given ? core::digest_of(*source.given) : std::string();
  }

  Graph graph_;
  std::map<std::string_view, const ReferenceRow*> rows_;
  std::vector<Draft> drafts_;  ///< parallel to graph_.nodes
};

}  // namespace

Error not_adopted(std::string what) {
  return {.code = "run.not_adopted",
          .what = "the run cannot be adopted: " + std::move(what),
          .where = {},
          .way_out = "correct its rows and insert it again"};
}

Result<std::vector<core::TaskDefinition>> tasks_of(const ReferenceRun& run) {
  try {
    return Reader(run).tasks();
  } catch (Broken& reason) {
    return fail(not_adopted(std::move(reason.what)));
  }
}

}  // namespace baton::store
