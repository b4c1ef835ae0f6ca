#include "formats/pipeline.hpp"

#include <vector>

#include "formats/expand.hpp"
#include "formats/fields.hpp"
#include "formats/read_step.hpp"

namespace baton::formats {
namespace {

std::string name_from(const std::string& file) {
  const auto name = file.substr(file.rfind('/') + 1);
  const auto dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

class PipelineReader {
 public:
  PipelineReader(const ParseOptions& options, Complaints& bad)
      : options_(options), bad_(bad), around_{options.base_dir, params_} {}

  core::Project read(const YamlNode* root) {
    core::Project project;
    project.file = options_.file;
    project.name = name_from(options_.file);
    if (root == nullptr) bad_.add("input.missing_field", {1, 1}, "the document is empty", "it begins with baton: 1");
    if (bad_.any() || !is_object(*root, {{}, {}, "the document"}, "an object with the fields 'baton' and 'nodes'", bad_))
      return project;
    check_version(*root);
    static constexpr Field<PipelineReader> fields[] = {{"baton", &PipelineReader::passed},
                                                       {"name", &PipelineReader::name},
                                                       {"params", &PipelineReader::params},
                                                       {"defaults", &PipelineReader::defaults},
                                                       {"nodes", &PipelineReader::nodes}};
    if (!bad_.any()) read_fields(*root, {{}, {}, "the document"}, fields, *this, bad_);
    if (!bad_.any()) project.nodes = read_nodes(*root);
    if (!name_.empty()) project.name = name_;
    return project;
  }

 private:
  /// First of all: of another version no other field may mean what it means here.
  void check_version(const YamlNode& root) {
    const auto* version = root.find("baton");
    if (version == nullptr) {
      bad_.add("input.missing_field", {1, 1}, "the document has no field 'baton'",
               "it begins with baton: 1, the version of the format");
    } else if (!version->is_scalar() || type_of(*version) != ScalarType::integer) {
      complain_of_type(*version, {"baton", {}}, "the number 1", bad_);
    } else if (version->text != "1") {
      bad_.add("input.version", version->place, "the document is of version " + std::string(version->text) + " of the format",
               "this Baton reads version 1");
    }
  }

  void passed(const YamlNode&) {}
  void name(const YamlNode& node) { name_ = text_of(node, {"name", {}}, bad_); }
  void params(const YamlNode& node) { params_node_ = &node; }
  void defaults(const YamlNode& node) { defaults_node_ = &node; }
  void nodes(const YamlNode& node) { nodes_node_ = &node; }

  /// Fields stand in any order; they are read in this.
  std::vector<core::Node> read_nodes(const YamlNode& root) {
    if (nodes_node_ == nullptr) bad_.add("input.missing_field", root.place, "the document has no field 'nodes'");
    read_params();
    read_settings();
    if (bad_.any()) return {};
    StepDraft defaults;
    defaults.step->retries.lost = options_.retries_lost;
    if (defaults_node_ != nullptr) read_defaults(*defaults_node_, defaults, around_, bad_);
    if (bad_.any() || !is_object(*nodes_node_, {"nodes", {}}, "an object of nodes", bad_)) return {};
    if (nodes_node_->fields() == 0) bad_.add("input.bad_value", nodes_node_->place, "'nodes' has no node");
    check_copies();
    std::vector<StepDraft> steps;
    if (!bad_.any()) steps.reserve(nodes_node_->fields());
    for (std::size_t i = 0; i < nodes_node_->fields() && !bad_.any(); ++i) {
      steps.push_back(read_step(nodes_node_->key(i), nodes_node_->value(i), defaults, around_, bad_));
    }
    if (bad_.any()) return {};
    return expand(steps, params_, bad_);
  }

  /// Each node has its own copy of the defaults.
  void check_copies() {
    if (nodes_node_->fields() > tasks_max) {
      bad_.add("input.too_many_tasks", nodes_node_->place, "the pipeline has more than " + std::to_string(tasks_max) + " nodes");
    } else if (defaults_node_ != nullptr && defaults_node_->expanded * nodes_node_->fields() > expanded_bytes_max) {
      bad_.add("input.too_big", defaults_node_->place, "'defaults' is too large for so many nodes");
    }
  }

  void read_params() {
    if (params_node_ == nullptr || bad_.any() || !is_object(*params_node_, {"params", {}}, "an object of parameters", bad_))
      return;
    for (std::size_t i = 0; i < params_node_->fields() && !bad_.any(); ++i) {
      const auto& key = params_node_->key(i);
      if (check_id(key, "parameter", bad_))
        params_[std::string(key.text)] = {value_of(params_node_->value(i), bad_), key.place, nullptr};
    }
  }

  /// `--set` and `--params`. An error in the value has no line of the document: its place is the option, or where it stands in its file.
  void read_settings() {
    for (const auto& [name, text] : options_.set) {
      if (bad_.any()) return;
      const auto place = options_.set_at.find(name);
      const auto where = place == options_.set_at.end() ? "--set " + name : place->second;
      const auto param = params_.find(name);
      if (param == params_.end()) {
        std::vector<std::string_view> known;
        for (const auto& [one, value] : params_) known.push_back(one);
        bad_.add_at("input.unknown_param", where, "there is no parameter " + quote(name) + " to set",
                    known.empty() ? "the pipeline has no 'params'" : suggestion("the parameters are", name, known));
        return;
      }
      Complaints wrong(text, where);
      const auto tree = read_yaml(text, where);
      if (!tree)
        return bad_.add_at(tree.error().code, where, "the value of " + quote(name) + ": " + tree.error().what,
                           tree.error().way_out);
      param->second = {tree->root == nullptr ? core::Value{"null"} : value_of(*tree->root, wrong), {}, nullptr};
      if (wrong.any()) bad_.add_at(wrong.first().code, where, wrong.first().what, wrong.first().way_out);
    }
  }

  const ParseOptions& options_;
  Complaints& bad_;
  Params params_;
  Surroundings around_;
  std::string name_;
  const YamlNode* params_node_ = nullptr;
  const YamlNode* defaults_node_ = nullptr;
  const YamlNode* nodes_node_ = nullptr;
};

}  // namespace

Result<core::Project> parse_pipeline(std::string_view text, const ParseOptions& options) {
  const auto tree = read_yaml(text, options.file);
  if (!tree) return fail(tree.error());
  Complaints bad(text, options.file);
  auto project = PipelineReader(options, bad).read(tree->root);
  if (bad.any()) return fail(bad.first());
  return project;
}

}  // namespace baton::formats
