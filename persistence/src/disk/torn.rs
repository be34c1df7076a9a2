//! A disk in memory that does to unsynced data what real disks may do when the power is cut: some of it is there, some is
//! not, in any order; a file may have its new length and zeros in the place of its data. The seed decides.
//!
//! Each file has its content, what of it is durable, and the changes between both, in order. So have the names. A cut
//! keeps an arbitrary subset of the changes, sector by sector. A sync that fails loses the changes for good, though reading
//! still shows them, as Linux does. A name is not durable before its folder was synced, even if its file was.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rufous_storage::Random;

use super::{Content, Disk, Error, File, Lock, Operation};

/// What a disk writes wholly or not at all.
const SECTOR_BYTES: usize = 512;

/// See the file head. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Torn(Arc<Mutex<State>>);

impl Torn {
    /// An empty disk, whose root folder `/` is there, and whose behaviour follows from `seed`.
    pub fn new(seed: u64) -> Torn {
        Torn::with(Random::new(seed), BTreeMap::from([(PathBuf::from("/"), Node::Folder)]), Vec::new())
    }

    /// Cuts the power at the `operations`-th change from now, which may happen in part. Everything fails from then on,
    /// until [`Torn::reboot`].
    pub fn cut_power_after(&self, operations: u64) {
        self.state().power = Power::Left(operations);
    }

    /// Whether the power was cut.
    pub fn is_dark(&self) -> bool {
        self.state().power == Power::Off
    }

    /// What is left after the power was cut now. The old disk, with whoever still writes to it, is no more.
    pub fn reboot(&self) -> Torn {
        let mut state = self.state();
        state.power = Power::Off;
        state.after_cut()
    }

    /// From now on `operation` fails with `error`.
    pub fn fail(&self, operation: Operation, error: ErrorKind) {
        self.state().failing.insert(operation, Failing { error, once: false });
    }

    /// The next change of this kind fails, those behind it do not: systems tell of a failed sync only once.
    pub fn fail_once(&self, operation: Operation, error: ErrorKind) {
        self.state().failing.insert(operation, Failing { error, once: true });
    }

    /// From now on so many more bytes can be written; `None` for as many as wanted.
    pub fn set_space(&self, bytes: Option<u64>) {
        self.state().space = bytes;
    }

    /// From now on writes may take only some of their bytes.
    pub fn set_short_writes(&self, on: bool) {
        self.state().short_writes = on;
    }

    /// The disk works again.
    pub fn heal(&self) {
        let mut state = self.state();
        state.failing.clear();
        state.space = None;
        state.short_writes = false;
    }

    fn with(random: Random, names: BTreeMap<PathBuf, Node>, files: Vec<Data>) -> Torn {
        Torn(Arc::new(Mutex::new(State {
            random,
            durable_names: names.clone(),
            names,
            renamings: Vec::new(),
            files,
            power: Power::On,
            failing: BTreeMap::new(),
            space: None,
            short_writes: false,
            locks: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Torn {
    fn create(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let file = self.state().open(Operation::Create, path)?;
        let mut handle = Handle { disk: self.clone(), file, path: path.to_owned() };
        handle.truncate(0)?;
        Ok(Box::new(handle))
    }

    fn append(&self, path: &Path) -> Result<Box<dyn File>, Error> {
        let file = self.state().open(Operation::Append, path)?;
        Ok(Box::new(Handle { disk: self.clone(), file, path: path.to_owned() }))
    }

    fn read(&self, path: &Path) -> Result<Content, Error> {
        let state = self.state();
        let read = state.looked(Operation::Read).and_then(|()| state.file(path));
        let file = read.map_err(|cause| Error::new(Operation::Read, path, cause))?;
        Ok(Content::Owned(state.files[file].content.clone()))
    }

    fn len(&self, path: &Path) -> Result<Option<u64>, Error> {
        let state = self.state();
        state.looked(Operation::Examine).map_err(|cause| Error::new(Operation::Examine, path, cause))?;
        Ok(state.names.get(path).map(|node| match node {
            Node::File(file) => state.files[*file].content.len() as u64,
            Node::Folder => 0,
        }))
    }

    fn truncate(&self, path: &Path, len: u64) -> Result<(), Error> {
        let mut state = self.state();
        let file = state.file(path).map_err(|cause| Error::new(Operation::Truncate, path, cause))?;
        state.change(Operation::Truncate, path, |state| {
            state.files[file].apply(Change::Truncate(len as usize));
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.state().change(Operation::Rename, from, |state| {
            let node = *state.names.get(from).ok_or(ErrorKind::NotFound)?;
            state.folder_of(to)?;
            state.rename(Renaming { removed: Some(from.to_owned()), added: Some((to.to_owned(), node)) });
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        self.state().change(Operation::Remove, path, |state| {
            state.file(path)?;
            state.rename(Renaming { removed: Some(path.to_owned()), added: None });
            Ok(())
        })
    }

    fn create_folder(&self, path: &Path) -> Result<(), Error> {
        self.state().change(Operation::CreateFolder, path, |state| match state.names.get(path) {
            Some(Node::Folder) => Ok(()),
            Some(Node::File(_)) => Err(ErrorKind::AlreadyExists.into()),
            None => {
                state.folder_of(path)?;
                state.rename(Renaming { removed: None, added: Some((path.to_owned(), Node::Folder)) });
                Ok(())
            }
        })
    }

    fn sync_folder(&self, path: &Path) -> Result<(), Error> {
        self.state().change(Operation::SyncFolder, path, |state| {
            if !matches!(state.names.get(path), Some(Node::Folder)) {
                return Err(ErrorKind::NotFound.into());
            }
            let (synced, waiting) =
                state.renamings.drain(..).partition(|renaming: &Renaming| renaming.concerns(path));
            state.renamings = waiting;
            for renaming in synced as Vec<Renaming> {
                renaming.apply(&mut state.durable_names);
            }
            Ok(())
        })
    }

    fn list(&self, folder: &Path) -> Result<Vec<OsString>, Error> {
        let state = self.state();
        let failed = |cause| Error::new(Operation::List, folder, cause);
        state.looked(Operation::List).map_err(failed)?;
        if !matches!(state.names.get(folder), Some(Node::Folder)) {
            return Err(failed(ErrorKind::NotFound.into()));
        }
        let inside = state.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| path.file_name()).map(OsString::from).collect())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, Error> {
        let mut state = self.state();
        let failed = |cause| Error::new(Operation::Lock, path, cause);
        state.looked(Operation::Lock).map_err(failed)?;
        let locked = match state.names.get(path) {
            None => return Err(failed(ErrorKind::NotFound.into())),
            Some(Node::File(file)) => Locked::File(*file),
            Some(Node::Folder) => Locked::Folder(path.to_owned()),
        };
        if state.locks.contains(&locked) {
            return Err(failed(ErrorKind::WouldBlock.into()));
        }
        state.locks.push(locked.clone());
        Ok(Box::new(Held { disk: self.clone(), locked }))
    }
}

#[derive(Debug)]
struct State {
    random: Random,
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    renamings: Vec<Renaming>,
    files: Vec<Data>,
    power: Power,
    failing: BTreeMap<Operation, Failing>,
    space: Option<u64>,
    short_writes: bool,
    locks: Vec<Locked>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    error: ErrorKind,
    once: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    On,
    /// It is cut after so many changes.
    Left(u64),
    Off,
}

/// What a name stands for: a file by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Locked {
    File(usize),
    Folder(PathBuf),
}

impl State {
    /// Whether looking, which changes nothing, works.
    fn looked(&self, operation: Operation) -> io::Result<()> {
        match self.failing.get(&operation) {
            _ if self.power == Power::Off => Err(io::Error::other("the power is cut")),
            Some(failing) => Err(failing.error.into()),
            None => Ok(()),
        }
    }

    /// Makes a change, unless it is to fail or the power is cut in front of it.
    fn change<T>(
        &mut self,
        operation: Operation,
        path: &Path,
        change: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Result<T, Error> {
        if self.power == Power::Left(0) {
            self.power = Power::Off;
        }
        if let Power::Left(left) = &mut self.power {
            *left -= 1;
        }
        let looked = self.looked(operation);
        if self.failing.get(&operation).is_some_and(|failing| failing.once) {
            self.failing.remove(&operation);
        }
        let changed = looked.and_then(|()| change(self));
        changed.map_err(|cause| Error::new(operation, path, cause))
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(file)) => Ok(*file),
            Some(Node::Folder) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn folder_of(&self, path: &Path) -> io::Result<()> {
        match path.parent().and_then(|folder| self.names.get(folder)) {
            Some(Node::Folder) => Ok(()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn open(&mut self, operation: Operation, path: &Path) -> Result<usize, Error> {
        self.change(operation, path, |state| match state.file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                state.folder_of(path)?;
                let file = state.files.len();
                state.files.push(Data::default());
                state.rename(Renaming { removed: None, added: Some((path.to_owned(), Node::File(file))) });
                Ok(file)
            }
            found => found,
        })
    }

    fn rename(&mut self, renaming: Renaming) {
        renaming.apply(&mut self.names);
        self.renamings.push(renaming);
    }

    /// Writes some of the bytes; only what makes the file longer takes space.
    fn write(&mut self, file: usize, at: usize, bytes: &[u8]) -> io::Result<usize> {
        let mut len = bytes.len();
        let over = self.files[file].content.len().saturating_sub(at);
        if self.short_writes && len > 1 {
            len = 1 + self.random.below(len as u64) as usize;
        }
        if let Some(space) = &mut self.space {
            if *space == 0 && len > over {
                return Err(ErrorKind::StorageFull.into());
            }
            len = len.min(over.saturating_add(usize::try_from(*space).unwrap_or(usize::MAX)));
            *space -= len.saturating_sub(over) as u64;
        }
        self.files[file].apply(Change::Write { at, bytes: bytes[..len].to_vec() });
        Ok(len)
    }

    fn after_cut(&mut self) -> Torn {
        let random = &mut self.random;
        let files = self.files.iter().map(|data| data.after_cut(random)).collect();
        let mut names = self.durable_names.clone();
        let kept = Fate::draw(random);
        for renaming in &self.renamings {
            if kept.keeps(random) {
                renaming.apply(&mut names);
            }
        }
        // A name whose folder did not make it is lost with it.
        let lost = |names: &BTreeMap<PathBuf, Node>, path: &Path| {
            path.parent().is_some_and(|folder| !matches!(names.get(folder), Some(Node::Folder)))
        };
        let folders = names.clone();
        names.retain(|path, _| !lost(&folders, path));
        Torn::with(self.random.fork(), names, files)
    }
}

/// What the cut does to a row of changes.
enum Fate {
    All,
    None,
    Some,
}

impl Fate {
    fn draw(random: &mut Random) -> Fate {
        match random.below(4) {
            0 => Fate::All,
            1 => Fate::None,
            _ => Fate::Some,
        }
    }

    fn keeps(&self, random: &mut Random) -> bool {
        match self {
            Fate::All => true,
            Fate::None => false,
            Fate::Some => random.below(2) == 0,
        }
    }
}

/// One change of names, which happens wholly or not at all.
#[derive(Clone, Debug)]
struct Renaming {
    removed: Option<PathBuf>,
    added: Option<(PathBuf, Node)>,
}

impl Renaming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        if let Some(path) = &self.removed {
            names.remove(path);
        }
        if let Some((path, node)) = &self.added {
            names.insert(path.clone(), *node);
        }
    }

    fn concerns(&self, folder: &Path) -> bool {
        let mut paths = self.removed.iter().chain(self.added.iter().map(|(path, _)| path));
        paths.any(|path| path.parent() == Some(folder))
    }
}

/// A file.
#[derive(Clone, Debug, Default)]
struct Data {
    content: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Truncate(len) => content.resize(*len, 0),
            Change::Write { at, bytes } => {
                content.resize(content.len().max(at + bytes.len()), 0);
                content[*at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

impl Data {
    fn apply(&mut self, change: Change) {
        change.apply(&mut self.content);
        self.changes.push(change);
    }

    fn sync(&mut self) {
        for change in self.changes.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn after_cut(&self, random: &mut Random) -> Data {
        let mut content = self.durable.clone();
        let fate = Fate::draw(random);
        for change in &self.changes {
            let &Change::Write { mut at, ref bytes } = change else {
                if fate.keeps(random) {
                    change.apply(&mut content);
                }
                continue;
            };
            let mut bytes = bytes.as_slice();
            while !bytes.is_empty() {
                let (sector, rest) = bytes.split_at(bytes.len().min(SECTOR_BYTES - at % SECTOR_BYTES));
                if fate.keeps(random) {
                    Change::Write { at, bytes: sector.to_vec() }.apply(&mut content);
                }
                (at, bytes) = (at + sector.len(), rest);
            }
        }
        // The length is a change of its own, which may arrive without the data.
        if content.len() < self.content.len() && matches!(fate, Fate::Some) && random.below(2) == 0 {
            content.resize(self.content.len(), 0);
        }
        Data { durable: content.clone(), content, changes: Vec::new() }
    }
}

/// An open file.
#[derive(Debug)]
struct Handle {
    disk: Torn,
    file: usize,
    path: PathBuf,
}

impl Handle {
    fn write_at(&mut self, at: usize, bytes: &[u8]) -> Result<usize, Error> {
        let mut state = self.disk.state();
        if state.power == Power::Left(0) {
            // The write during which the power goes may get to the disk in part.
            let written = state.write(self.file, at, bytes);
            written.map_err(|cause| Error::new(Operation::Write, &self.path, cause))?;
        }
        state.change(Operation::Write, &self.path, |state| state.write(self.file, at, bytes))
    }
}

impl File for Handle {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let at = self.disk.state().files[self.file].content.len();
        self.write_at(at, bytes)
    }

    fn write_all_at(&mut self, at: u64, mut bytes: &[u8]) -> Result<(), Error> {
        let mut at = at as usize;
        while !bytes.is_empty() {
            let written = self.write_at(at, bytes)?;
            (at, bytes) = (at + written, &bytes[written..]);
        }
        Ok(())
    }

    fn sync_data(&mut self) -> Result<(), Error> {
        let mut state = self.disk.state();
        let synced = state.change(Operation::Sync, &self.path, |state| {
            state.files[self.file].sync();
            Ok(())
        });
        if synced.is_err() && state.power != Power::Off {
            state.files[self.file].changes.clear();
        }
        synced
    }

    fn truncate(&mut self, len: u64) -> Result<(), Error> {
        self.disk.state().change(Operation::Truncate, &self.path, |state| {
            state.files[self.file].apply(Change::Truncate(len as usize));
            Ok(())
        })
    }

    fn len(&self) -> Result<u64, Error> {
        let state = self.disk.state();
        state
            .looked(Operation::Examine)
            .map_err(|cause| Error::new(Operation::Examine, &self.path, cause))?;
        Ok(state.files[self.file].content.len() as u64)
    }

    /// The cut decides anyway what of it got there.
    fn begin_sync(&mut self, _: Range<u64>) -> Result<(), Error> {
        let looked = self.disk.state().looked(Operation::Sync);
        looked.map_err(|cause| Error::new(Operation::Sync, &self.path, cause))
    }

    fn wait_for_sync(&mut self, range: Range<u64>) -> Result<(), Error> {
        self.begin_sync(range)
    }

    fn forget_cached(&mut self, _: Range<u64>) {}
}

/// A lock that is held.
#[derive(Debug)]
struct Held {
    disk: Torn,
    locked: Locked,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.state().locks.retain(|locked| *locked != self.locked);
    }
}
