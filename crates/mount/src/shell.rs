//! The shell commands that would do the same, for a reader: the interpreter does not go through a shell.

use crate::attributes::{Attributes, Propagation, Reach};
use crate::op::{
    Bind, Existing, FileSystem, Node, NodeKind, NodeSource, OpenRoot, Remount, RootSource, Upper,
};
use crate::options::{CopyUp, Parameter};
use crate::{Op, RootPath};

impl Op {
    /// Gives the command, or the commands joined by `&&`, with `rootfs` for the container's root.
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
                let target = inside(path);
                format!("touch {target} && mount --bind \"$(tty)\" {target}")
            }
            Self::Mask { path } => {
                let target = inside(path);
                format!(
                    "if [ -d {target} ]; then mount -t tmpfs -o ro,nosuid,nodev,noexec tmpfs {target}; \
                     elif [ -e {target} ]; then mount --bind rootfs/dev/null {target}; fi"
                )
            }
            Self::ReadOnly { path } => {
                let target = inside(path);
                format!("if [ -e {target} ]; then mount --rbind -o ro=recursive {target} {target}; fi")
            }
            Self::PivotRoot => "cd rootfs && pivot_root . . && umount -l .".to_owned(),
            Self::MoveRoot(op) => {
                let mut line = String::new();
                for path in &op.cover {
                    line.push_str(&format!("umount -l {} && ", quote(&path.to_string())));
                }
                line + "cd rootfs && mount --move . / && chroot ."
            }
            Self::RootReadOnly => "mount -o remount,bind,ro rootfs".to_owned(),
            Self::RootPropagation(propagation) => format!("mount --make-{} rootfs", propagation.word()),
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
    };
    if !op.attributes.is_empty() {
        line.push_str(&format!(" && mount -o remount,bind,{} {target}", op.attributes.words().join(",")));
    }
    if let Some(propagation) = op.propagation {
        line.push_str(&format!(" && mount --make-{} {target}", propagation.word()));
    }
    line
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
    propagated(line, &op.propagation, &target)
}

fn bind(op: &Bind) -> String {
    let target = inside(&op.target);
    let mut line = format!("mount --{} {} {target}", bind_word(op.reach), quote(&op.source.to_string()));
    attributes(&mut line, op.attributes, op.recursive, &target);
    propagated(line, &op.propagation, &target)
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

/// Quotes what a shell would take apart.
fn quote(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
