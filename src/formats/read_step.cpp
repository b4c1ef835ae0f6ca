#include "formats/read_step.hpp"

#include <algorithm>
#include <array>

#include "formats/fields.hpp"
#include "formats/link.hpp"
#include "formats/read_foreach.hpp"
#include "formats/read_ports.hpp"

namespace baton::formats {
namespace {

constexpr std::int32_t retries_max = 1'000'000;
constexpr std::size_t after_max = 1000;
/// What a task is told by Baton itself (pipeline format); a step that set one would be told wrong.
constexpr std::array<std::string_view, 7> names_of_batons{"BATON_INPUTS",  "BATON_OUTPUTS", "BATON_NODE", "BATON_RUN",
                                                          "BATON_ATTEMPT", "BATON_CPUS",    "BATON_JOB"};

class StepReader {
 public:
  StepReader(StepDraft& draft, std::string_view owner, const Surroundings& around, Complaints& bad)
      : draft_(draft), step_(*draft.step), owner_(owner), around_(around), bad_(bad) {}

  void run(const YamlNode& node) {
    const Subject subject = about("run");
    step_.command.shell = !node.is_list();
    if (node.is_list()) {
      for (const auto* word : node.items) draft_.command.push_back({word_of(*word, subject, bad_), word->place});
    } else if (node.is_scalar()) {
      draft_.command.push_back({text_of(node, subject, bad_), node.place});
    } else {
      complain_of_type(node, subject, "a text or a list of words", bad_);
    }
    for (const auto& word : draft_.command) step_.command.words.push_back(word.text);
    if (step_.command.words.empty() || step_.command.words.front().empty()) {
      bad_.add("input.bad_value", node.place, subject.text() + " names no program", "to do nothing, write run: \"true\"");
    }
  }

  void inputs(const YamlNode& node) { draft_.inputs = read_inputs(node, owner_, around_, bad_); }
  void outputs(const YamlNode& node) { step_.outputs = read_outputs(node, owner_, bad_); }
  void foreach (const YamlNode& node) { draft_.foreach = read_foreach(node, owner_, around_.params, bad_); }
  void files(const YamlNode& node) { read_files(node, owner_, around_, step_.files, bad_); }
  void cache(const YamlNode& node) { step_.cache = boolean_of(node, about("cache"), bad_); }
  void image(const YamlNode& node) { step_.image = text_of(node, about("image"), bad_); }
  void label(const YamlNode& node) { step_.label = text_of(node, about("label"), bad_); }
  void description(const YamlNode& node) { step_.description = text_of(node, about("description"), bad_); }

  void after(const YamlNode& node) {
    const Subject subject = about("after");
    if (!node.is_list()) {
      return complain_of_type(node, subject, "a list of nodes", bad_,
                              node.is_scalar() && !node.text.empty() ? "write [" + std::string(node.text) + "]" : "");
    }
    if (node.items.size() > after_max)
      return bad_.add("input.too_big", node.place, subject.text() + " has more than 1000 entries");
    for (const auto* item : node.items) draft_.after.push_back(read_link(*item, subject, bad_));
  }

  void env(const YamlNode& node) {
    if (!is_object(node, about("env"), "an object of variables", bad_)) return;
    for (std::size_t i = 0; i < node.fields() && !bad_.any(); ++i) {
      const auto& key = node.key(i);
      if (key.text.empty() || key.text.find('=') != std::string::npos) {
        bad_.add("input.bad_id", key.place, quote(key.text) + " cannot be the name of an environment variable");
      }
      if (std::find(names_of_batons.begin(), names_of_batons.end(), key.text) != names_of_batons.end()) {
        bad_.add("input.bad_id", key.place, quote(key.text) + " is set by Baton itself", "take another name");
      }
      const auto text = word_of(node.value(i), about(key.text), bad_);
      draft_.env[std::string(key.text)] = {text, node.value(i).place};
      step_.env[std::string(key.text)] = text;
    }
  }

  void resources(const YamlNode& node) {
    if (!is_object(node, about("resources"), "an object of amounts", bad_)) return;
    for (std::size_t i = 0; i < node.fields() && !bad_.any(); ++i) {
      const auto& name = node.key(i).text;
      if (!check_id(node.key(i), "resource", bad_)) return;
      const bool counted = name == "cpu" || name == "gpu";
      const double amount = counted ? amount_of(node.value(i), about(name), bad_) : size_of(node.value(i), about(name), bad_);
      step_.resources[std::string(name)] = amount;
    }
  }

  void timeout(const YamlNode& node) {
    if (node.is_object()) {
      static constexpr Field<StepReader> fields[] = {{"run", &StepReader::limit_run},
                                                     {"silence", &StepReader::limit_silence},
                                                     {"waiting", &StepReader::limit_waiting},
                                                     {"grace", &StepReader::grace}};
      read_fields(node, about("timeout"), fields, *this, bad_);
    } else {
      step_.limits.run = limit(node, "timeout");
    }
  }
  void limit_run(const YamlNode& node) { step_.limits.run = limit(node, "run"); }
  void limit_silence(const YamlNode& node) { step_.limits.silence = limit(node, "silence"); }
  void limit_waiting(const YamlNode& node) { step_.limits.waiting = limit(node, "waiting"); }
  void grace(const YamlNode& node) { step_.limits.grace = duration_of(node, about("grace"), bad_); }

  void retries(const YamlNode& node) {
    static constexpr Field<StepReader> fields[] = {{"max", &StepReader::retries_max_of},
                                                   {"backoff", &StepReader::backoff},
                                                   {"on", &StepReader::retry_on},
                                                   {"lost", &StepReader::lost}};
    if (!node.is_object()) {
      const bool number = node.is_scalar() && type_of(node) == ScalarType::integer;
      return complain_of_type(node, about("retries"), "an object", bad_,
                              number ? "write {max: " + std::string(node.text) + "}" : "");
    }
    read_fields(node, about("retries"), fields, *this, bad_);
  }
  void retries_max_of(const YamlNode& node) { step_.retries.max = integer_of(node, about("max"), 0, retries_max, bad_); }
  void lost(const YamlNode& node) { step_.retries.lost = integer_of(node, about("lost"), 0, retries_max, bad_); }
  void backoff(const YamlNode& node) { step_.retries.backoff = duration_of(node, about("backoff"), bad_); }
  void retry_on(const YamlNode& node) {
    if (!node.is_list()) return complain_of_type(node, about("on"), "a list of exit, timeout, oom", bad_);
    auto& retries = step_.retries;
    retries.on_exit = retries.on_timeout = retries.on_oom = false;
    for (const auto* item : node.items) {
      const auto class_name = text_of(*item, about("on"), bad_);
      if (class_name == "exit") {
        retries.on_exit = true;
      } else if (class_name == "timeout") {
        retries.on_timeout = true;
      } else if (class_name == "oom") {
        retries.on_oom = true;
      } else {
        constexpr std::array<std::string_view, 3> known{"exit", "timeout", "oom"};
        bad_.add("input.bad_value", item->place,
                 about("on").text() + " names " + quote(class_name) + ", which is no kind of failure",
                 suggestion("the kinds are", class_name, known));
      }
    }
  }

 private:
  [[nodiscard]] Subject about(std::string_view field) const { return {field, owner_}; }

  core::Duration limit(const YamlNode& node, std::string_view field) {
    const auto duration = duration_of(node, about(field), bad_);
    if (duration <= core::Duration::zero()) {
      bad_.add("input.out_of_range", node.place, about(field).text() + " is no time at all", "leave it out for no limit");
    }
    return duration;
  }

  StepDraft& draft_;
  core::Step& step_;
  std::string_view owner_;
  const Surroundings& around_;
  Complaints& bad_;
};

constexpr Field<StepReader> node_fields[] = {
    {"run", &StepReader::run},         {"inputs", &StepReader::inputs},       {"outputs", &StepReader::outputs},
    {"foreach", &StepReader::foreach}, {"after", &StepReader::after},         {"env", &StepReader::env},
    {"timeout", &StepReader::timeout}, {"resources", &StepReader::resources}, {"grace", &StepReader::grace},
    {"retries", &StepReader::retries}, {"cache", &StepReader::cache},         {"image", &StepReader::image},
    {"files", &StepReader::files},     {"label", &StepReader::label},         {"description", &StepReader::description}};
constexpr Field<StepReader> default_fields[] = {{"env", &StepReader::env},         {"resources", &StepReader::resources},
                                                {"timeout", &StepReader::timeout}, {"grace", &StepReader::grace},
                                                {"retries", &StepReader::retries}, {"cache", &StepReader::cache},
                                                {"image", &StepReader::image},     {"files", &StepReader::files}};

}  // namespace

void read_defaults(const YamlNode& node, StepDraft& defaults, const Surroundings& around, Complaints& bad) {
  StepReader reader(defaults, "defaults", around, bad);
  if (is_object(node, {"defaults", {}}, "an object", bad)) read_fields(node, {"defaults", {}}, default_fields, reader, bad);
}

StepDraft read_step(const YamlNode& name, const YamlNode& node, const StepDraft& defaults, const Surroundings& around,
                    Complaints& bad) {
  StepDraft draft = defaults;
  draft.step = std::make_shared<core::Step>(*defaults.step);
  draft.step->name = name.text;
  draft.step->place = name.place;
  StepReader reader(draft, name.text, around, bad);
  if (!check_id(name, "node", bad) || !is_object(node, {name.text, {}}, "an object with the field 'run'", bad)) return draft;
  read_fields(node, {name.text, {}, "the node"}, node_fields, reader, bad);
  if (draft.command.empty())
    bad.add("input.missing_field", name.place, "the node " + quote(name.text) + " has no 'run'",
            "to do nothing, write run: \"true\"");
  check_work_dir(*draft.step, node.find("outputs"), bad);
  draft.step->resources.try_emplace("cpu",
                                    1);  // what a task takes that asks for nothing; `${resources.cpu}` always means something
  return draft;
}

}  // namespace baton::formats
