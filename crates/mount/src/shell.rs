//! The shell commands that would do the same, for a reader: the interpreter does not go through a shell.

use crate::attributes::{Attributes, Propagation, Reach};
use crate::layered::{Entry, Layer, LayerAccess, Layered};
use crate::op::{
    Bind, Existing, FileSystem, Node, NodeKind, NodeSource, OpenRoot, Remount, RootSource, SourceLink,
    TargetLink, Upper, Versions,
};
use crate::options::{CopyUp, Parameter};
use crate::{Op, RootPath, Text};
use palisade_sys::shell::quote;

impl Op {
    /// Gives the command, or the commands joined by `&&`. The container's root is `rootfs` for what is done before it
    /// is entered, and `/` for what is only done after that.
    #[must_use]
    pub fn shell(&self) -> String {
        match self {
            Self::Propagation(propagation) => format!("mount --make-{} /", propagation.word()),
            Self::OpenRoot(op) => open_root(op),
            Self::Mount(op) => mount(op),
            Self::Bind(op) => bind(op),
            Self::Remount(op) => remount(op),
            Self::Node(op) => node(op),
            Self::Symlink(op) => {
                let force = if op.existing == Existing::Replace { "f" } else { "" };
                format!("ln -s{force} {} {}", quote(&op.target.to_string()), inside(&op.path))
            }
            Self::Mkdir(op) => format!("mkdir -p -m {:o} {}", op.mode, inside(&op.path)),
            Self::Console { path } => {
                let target = entered(path);
                format!("touch {target} && mount --bind \"$(tty)\" {target}")
            }
            Self::Mask { path, label } => {
                let target = entered(path);
                let label = label.as_ref().map(|label| format!(",{}", parameter(label))).unwrap_or_default();
                format!(
                    "if [ -d {target} ]; then mount -t tmpfs -o ro,nosuid,nodev,noexec{label} tmpfs {target}; \
                     elif [ -e {target} ]; then mount --bind /dev/null {target}; fi"
                )
            }
            Self::Label { path, label } => format!("chcon {} {}", quote(&label.to_string()), inside(path)),
            Self::ReadOnly { path } => {
                let target = entered(path);
                format!("if [ -e {target} ]; then mount --rbind -o ro=recursive {target} {target}; fi")
            }
            Self::PivotRoot | Self::ReplaceRoot => "cd rootfs && pivot_root . . && umount -l .".to_owned(),
            Self::MoveRoot(op) => {
                let mut line = String::new();
                for path in &op.cover {
                    line.push_str(&format!("umount -l {} && ", quote(&path.to_string())));
                }
                line + "cd rootfs && mount --move . / && chroot ."
            }
            Self::ChangeRoot => "cd rootfs && chroot .".to_owned(),
            Self::RootReadOnly => "mount -o remount,bind,ro /".to_owned(),
            Self::RootPropagation(propagation) => format!("mount --make-{} /", propagation.word()),
        }
    }
}

fn open_root(op: &OpenRoot) -> String {
    let (mut line, target) = match &op.source {
        RootSource::Directory { path, reach } => {
            let path = quote(&path.to_string());
            (format!("mount --{} {path} {path}", bind_word(*reach)), path)
        }
        RootSource::Overlay(overlay) => {
            let target = quote(&overlay.target.to_string());
            let layers: Vec<String> = overlay.lower.iter().map(|layer| format!("{layer}")).collect();
            let mut options = vec![format!("lowerdir={}", layers.join(":"))];
            let mut line = String::new();
            match &overlay.upper {
                Upper::None => {}
                Upper::Directories { upper, work } => {
                    options.push(format!("upperdir={upper},workdir={work}"));
                }
                Upper::Tmpfs { parameters } => {
                    let words: Vec<String> = parameters.iter().map(parameter).collect();
                    let words = dash_o(&words);
                    line = format!(
                        "mount -t tmpfs{words} tmpfs {target} && mkdir {target}/upper {target}/work && "
                    );
                    let target = &overlay.target;
                    options.push(format!("upperdir={target}/upper,workdir={target}/work"));
                }
            }
            options.extend(overlay.parameters.iter().map(parameter));
            line.push_str(&format!("mount -t overlay{} overlay {target}", dash_o(&options)));
            (line, target)
        }
        RootSource::Layered(layered) => (open_layered(layered), quote(&layered.target.to_string())),
        RootSource::Attached { tree } => return format!("# rootfs is /proc/self/fd/{}", descriptor(*tree)),
    };
    if !op.attributes.is_empty() {
        line.push_str(&format!(" && mount -o remount,bind,{} {target}", op.attributes.words().join(",")));
    }
    if let Some(propagation) = op.propagation {
        line.push_str(&format!(" && mount --make-{} {target}", propagation.word()));
    }
    line
}

/// The tmpfs, what is made in it, and the directories that are laid onto its root.
fn open_layered(layered: &Layered) -> String {
    let target = layered.target.to_string();
    let at = |path: &Text| quote(&format!("{target}/{path}"));
    let words: Vec<String> = layered.parameters.iter().map(parameter).collect();
    let mut lines = vec![format!("mount -t tmpfs{} tmpfs {}", dash_o(&words), quote(&target))];
    for entry in &layered.entries {
        lines.push(match entry {
            Entry::Directory { path, mode } => format!("mkdir -m {mode:o} {}", at(path)),
            Entry::File { path, content, .. } => {
                format!("printf %s {} > {}", quote(&content.to_string()), at(path))
            }
            Entry::Symlink { path, target } => format!("ln -s {} {}", quote(&target.to_string()), at(path)),
            Entry::Whiteout { path } => format!("mknod {} c 0 0", at(path)),
        });
    }
    lines.push(format!("mount --bind {0}/root {0}", quote(&target)));
    for Layer { source, place, access } in &layered.layers {
        let (source, place) = (source.to_string(), at(place));
        lines.push(match access {
            LayerAccess::ReadOnly => format!("mount --rbind -o ro=recursive {} {place}", quote(&source)),
            LayerAccess::Overlay { upper, work, parameters } => {
                let mut options =
                    vec![format!("lowerdir={source},upperdir={target}/{upper},workdir={target}/{work}")];
                options.extend(parameters.iter().map(parameter));
                format!("mount -t overlay{} overlay {place}", dash_o(&options))
            }
        });
    }
    lines.join(" && ")
}

fn mount(op: &FileSystem) -> String {
    let target = inside(&op.target);
    let mut source = op.fstype.to_string();
    let mut options: Vec<String> = op.attributes.words().into_iter().map(str::to_owned).collect();
    for one in &op.parameters {
        match (one.key.to_bytes(), &one.value) {
            (b"source", Some(value)) => source = value.to_string(),
            (b"ro", None) => {}
            _ => options.push(parameter(one)),
        }
    }
    let mount = format!("mount -t {}{} {} {target}", op.fstype, dash_o(&options), quote(&source));
    let line = match op.copy_up {
        CopyUp::No => mount,
        CopyUp::Yes => format!("cp -a {target} copy && {mount} && cp -a copy/. {target}"),
    };
    let line = match versions_word(op.versions) {
        Some(word) => format!("{line} && mount -o remount,{word} {target}"),
        None => line,
    };
    propagated(line, &op.propagation, &target)
}

const fn versions_word(versions: Versions) -> Option<&'static str> {
    match versions {
        Versions::Left => None,
        Versions::Counted => Some("iversion"),
        Versions::Uncounted => Some("noiversion"),
    }
}

/// As what a tree's plan has it open, the standard streams before it.
fn descriptor(tree: usize) -> usize {
    tree + 3
}

fn bind(op: &Bind) -> String {
    let target = inside(&op.target);
    let source = match op.tree {
        Some(index) => format!("/proc/self/fd/{}", descriptor(index)),
        None => quote(&op.source.to_string()),
    };
    let mut line = format!("mount --{} {source} {target}", bind_word(op.reach));
    attributes(&mut line, op.attributes, op.recursive, &target);
    line = propagated(line, &op.propagation, &target);
    if op.source_link == SourceLink::Copy {
        line = format!("if [ -L {source} ]; then ln -s \"$(readlink {source})\" {target}; else {line}; fi");
    }
    if op.source_link == SourceLink::Bind || op.target_link == TargetLink::Cover {
        line.push_str("  # without following a link at the end");
    }
    line
}

fn remount(op: &Remount) -> String {
    let target = inside(&op.target);
    let mut lines = Vec::new();
    if !op.parameters.is_empty() {
        let words: Vec<String> = op.parameters.iter().map(parameter).collect();
        lines.push(format!("mount -o remount,{} {target}", words.join(",")));
    }
    if !op.attributes.is_empty() {
        lines.push(format!("mount -o remount,bind,{} {target}", op.attributes.words().join(",")));
    }
    if let Some(word) = versions_word(op.versions) {
        lines.push(format!("mount -o remount,{word} {target}"));
    }
    if !op.recursive.is_empty() {
        lines.push(format!("mount -o remount,bind,{} {target}", recursive_words(op.recursive)));
    }
    for propagation in &op.propagation {
        lines.push(format!("mount --make-{} {target}", propagation.word()));
    }
    if lines.is_empty() { ":".to_owned() } else { lines.join(" && ") }
}

fn attributes(line: &mut String, own: Attributes, recursive: Attributes, target: &str) {
    let mut words: Vec<String> = own.words().into_iter().map(str::to_owned).collect();
    if !recursive.is_empty() {
        words.insert(0, recursive_words(recursive));
    }
    if !words.is_empty() {
        line.push_str(&format!(" && mount -o remount,bind,{} {target}", words.join(",")));
    }
}

/// Writes recursive attributes the way `mount(8)` of util-linux 2.39 does, `ro=recursive`.
fn recursive_words(attributes: Attributes) -> String {
    let words: Vec<String> = attributes.words().into_iter().map(|word| format!("{word}=recursive")).collect();
    words.join(",")
}

fn propagated(mut line: String, list: &[Propagation], target: &str) -> String {
    for propagation in list {
        line.push_str(&format!(" && mount --make-{} {target}", propagation.word()));
    }
    line
}

fn node(op: &Node) -> String {
    let path = inside(&op.path);
    if let NodeSource::Bind(host) = &op.source {
        return format!("touch {path} && mount --bind {} {path}", quote(&host.to_string()));
    }
    let mut line = match op.kind {
        NodeKind::Fifo => format!("mkfifo -m {:o} {path}", op.mode),
        NodeKind::Character => format!("mknod -m {:o} {path} c {} {}", op.mode, op.major, op.minor),
        NodeKind::Block => format!("mknod -m {:o} {path} b {} {}", op.mode, op.major, op.minor),
    };
    if op.uid != 0 || op.gid != 0 {
        line.push_str(&format!(" && chown {}:{} {path}", op.uid, op.gid));
    }
    line
}

const fn bind_word(reach: Reach) -> &'static str {
    match reach {
        Reach::Mount => "bind",
        Reach::Tree => "rbind",
    }
}

fn parameter(parameter: &Parameter) -> String {
    match &parameter.value {
        None => parameter.key.to_string(),
        Some(value) => format!("{}={value}", parameter.key),
    }
}

fn dash_o(options: &[String]) -> String {
    if options.is_empty() { String::new() } else { format!(" -o {}", quote(&options.join(","))) }
}

fn inside(path: &RootPath) -> String {
    let path = path.to_string();
    quote(&format!("rootfs/{}", path.trim_start_matches('/')))
}

/// The path as it is once the root is entered.
fn entered(path: &RootPath) -> String {
    let path = path.to_string();
    quote(&format!("/{}", path.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostPath, Mkdir, MoveRoot, Overlay, Parent, Symlink};

    fn host(path: &str) -> HostPath {
        HostPath::new(path).unwrap()
    }

    fn inner(path: &str) -> RootPath {
        RootPath::new(path).unwrap()
    }

    fn open_root(source: RootSource) -> Op {
        let attributes = Attributes::from_word("nodev").unwrap();
        let propagation = Propagation::from_word("rprivate");
        Op::OpenRoot(OpenRoot { source, parent: Parent::Keep, attributes, propagation })
    }

    fn node(kind: NodeKind, uid: u32, source: NodeSource) -> Op {
        Op::Node(Node { path: inner("/dev/n"), kind, major: 1, minor: 3, mode: 0o666, uid, gid: 5, source })
    }

    #[test]
    fn roots() {
        let directory = RootSource::Directory { path: host("/b/it's"), reach: Reach::Tree };
        assert_eq!(
            open_root(directory).shell(),
            r"mount --rbind '/b/it'\''s' '/b/it'\''s' && mount -o remount,bind,nodev '/b/it'\''s' && mount --make-rprivate '/b/it'\''s'"
        );
        let upper = Upper::Tmpfs { parameters: vec![Parameter::string("size", "1m").unwrap()] };
        let overlay =
            Overlay { lower: vec![host("/a"), host("/b")], upper, parameters: vec![], target: host("/t") };
        assert!(open_root(RootSource::Overlay(overlay)).shell().starts_with(
            "mount -t tmpfs -o size=1m tmpfs /t && mkdir /t/upper /t/work && \
             mount -t overlay -o lowerdir=/a:/b,upperdir=/t/upper,workdir=/t/work overlay /t && "
        ));
        assert_eq!(Op::PivotRoot.shell(), "cd rootfs && pivot_root . . && umount -l .");
        let moved = Op::MoveRoot(MoveRoot { cover: vec![host("/sys")] });
        assert_eq!(moved.shell(), "umount -l /sys && cd rootfs && mount --move . / && chroot .");
    }

    #[test]
    fn a_layered_root() {
        let text = |text: &str| Text::new(text).unwrap();
        let layered = Layered {
            target: host("/t"),
            parameters: vec![],
            entries: vec![
                Entry::Directory { path: text("root"), mode: 0o755 },
                Entry::Whiteout { path: text("u/shadow") },
            ],
            layers: vec![Layer {
                source: host("/etc"),
                place: text("etc"),
                access: LayerAccess::Overlay { upper: text("u"), work: text("w"), parameters: vec![] },
            }],
        };
        let line = open_root(RootSource::Layered(layered)).shell();
        assert!(
            line.starts_with(
                "mount -t tmpfs tmpfs /t && mkdir -m 755 /t/root && mknod /t/u/shadow c 0 0 && \
                 mount --bind /t/root /t && \
                 mount -t overlay -o lowerdir=/etc,upperdir=/t/u,workdir=/t/w overlay /t/etc && "
            ),
            "{line}"
        );
    }

    #[test]
    fn nodes_and_links() {
        for (op, shell) in [
            (
                node(NodeKind::Character, 0, NodeSource::Make),
                "mknod -m 666 rootfs/dev/n c 1 3 && chown 0:5 rootfs/dev/n",
            ),
            (
                node(NodeKind::Fifo, 7, NodeSource::Make),
                "mkfifo -m 666 rootfs/dev/n && chown 7:5 rootfs/dev/n",
            ),
            (
                node(NodeKind::Block, 0, NodeSource::Bind(host("/dev/n"))),
                "touch rootfs/dev/n && mount --bind /dev/n rootfs/dev/n",
            ),
            (
                Op::Symlink(Symlink {
                    target: Text::new("pts/ptmx").unwrap(),
                    path: inner("/dev/ptmx"),
                    existing: Existing::Replace,
                }),
                "ln -sf pts/ptmx rootfs/dev/ptmx",
            ),
            (Op::Mkdir(Mkdir { path: inner("a;b"), mode: 0o750 }), "mkdir -p -m 750 'rootfs/a;b'"),
            (Op::RootReadOnly, "mount -o remount,bind,ro /"),
        ] {
            assert_eq!(op.shell(), shell);
        }
    }

    /// What is printed has to be a shell's language, whatever names it is about.
    #[test]
    fn a_shell_can_read_it() {
        let evil = "/a'; touch x #\n$(b) \\";
        for op in [
            Op::Mask { path: inner(evil), label: Some(Parameter::string("context", evil).unwrap()) },
            Op::Label { path: inner(evil), label: Text::new(evil).unwrap() },
            Op::ReadOnly { path: inner(evil) },
            Op::Console { path: inner(evil) },
            node(NodeKind::Block, 0, NodeSource::Bind(host(evil))),
        ] {
            let check = std::process::Command::new("sh").args(["-n", "-c", &op.shell()]).output().unwrap();
            assert!(check.status.success(), "{}", op.shell());
        }
        let echo = format!("printf %s {}", quote(evil));
        let output = std::process::Command::new("sh").args(["-c", &echo]).output().unwrap();
        assert_eq!(output.stdout, evil.as_bytes());
    }
}
